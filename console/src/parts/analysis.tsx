/** What an analysis found, of calls and of visits. */
import type { Schemas } from '../lib/api.ts';
import { decimal, percent } from '../lib/format.ts';
import { plain } from '../lib/words.ts';
import { Badge, Meter } from '../ui/kit.tsx';

/** Objections, steps and sentiment. */
export function AnalysisDetails({
  analysis,
  of = 'call',
}: {
  analysis: {
    objections: Schemas['Objection'][];
    sop_compliance: Schemas['SopCompliance'];
    sentiment_score: number | null;
    scorecard_version?: number | null;
  };
  of?: 'call' | 'visit';
}) {
  const { objections, sop_compliance: sop, sentiment_score: sentiment } = analysis;
  return (
    <>
      <div>
        <h3>Objections</h3>
        {objections.length === 0 ? (
          <p className="muted">None were heard.</p>
        ) : (
          <ul className="list">
            {objections.map((objection) => (
              <li key={`${objection.category} ${objection.text}`}>
                <span className="row">
                  <strong>{objection.category ?? 'Other'}</strong>
                  {objection.overcome === null ? null : (
                    <Badge tone={objection.overcome ? 'good' : 'bad'}>
                      {objection.overcome ? 'Overcome' : 'Not overcome'}
                    </Badge>
                  )}
                </span>
                {objection.text && <span>{objection.text}</span>}
              </li>
            ))}
          </ul>
        )}
      </div>
      <div className="stack-small">
        <h3>
          Steps of a good {of}
          {analysis.scorecard_version ? ` (scorecard ${analysis.scorecard_version})` : ''}
        </h3>
        {sop.score !== null && (
          <Meter
            value={sop.score}
            text={`${decimal(sop.score * 10)} of 10`}
            tone={sop.score >= 0.8 ? 'good' : sop.score >= 0.6 ? 'info' : 'warn'}
          />
        )}
        <ul className="steps">
          {sop.stages_followed.map((name) => (
            <li key={name}>
              <Badge tone="good">✓ {plain(name)}</Badge>
            </li>
          ))}
          {sop.stages_missed.map((name) => (
            <li key={name}>
              <Badge tone="bad">✗ {plain(name)}, missed</Badge>
            </li>
          ))}
        </ul>
      </div>
      {sentiment !== null && (
        <div className="row">
          <h3>Sentiment</h3>
          <Meter
            value={sentiment}
            text={`${percent(sentiment)}, ${sentiment >= 0.7 ? 'content' : sentiment >= 0.45 ? 'mixed' : 'unhappy'}`}
          />
        </div>
      )}
    </>
  );
}
