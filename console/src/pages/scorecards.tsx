/** What makes a good call at this company: steps with weights, and what counts as qualified. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../lib/api.ts';
import { decimal } from '../lib/format.ts';
import { useCan, useKnownMe } from '../lib/me.ts';
import { plain } from '../lib/words.ts';
import {
  announce,
  Badge,
  Button,
  Card,
  Empty,
  FormProblem,
  Loaded,
  Page,
  TextArea,
  TextField,
  Time,
} from '../ui/kit.tsx';

interface Stage {
  name: string;
  weight: number;
  description?: string | null;
}
interface Scorecard {
  version: number;
  stages: Stage[];
  qualification_criteria: string | null;
  created_at: string | null;
  created_by?: string | null;
}

export function ScorecardsPage() {
  const me = useKnownMe();
  const can = useCan();
  const path = `/api/v1/companies/${encodeURIComponent(me.company_id ?? '')}/scorecard`;
  const [editing, setEditing] = useState(false);
  const card = useQuery({ queryKey: ['scorecard'], queryFn: () => request<Scorecard>('GET', path) });
  const versions = useQuery({
    queryKey: ['scorecard', 'versions'],
    queryFn: () => request<{ items: Scorecard[] }>('GET', `${path}/versions`),
    enabled: card.isSuccess,
  });
  return (
    <Page
      title="Scorecard"
      lead="The steps of a good call, and what makes a caller qualified. A change makes a new version; old scores stay as they are."
      actions={
        card.data &&
        can('write scorecards') &&
        !editing && (
          <Button kind="primary" icon="edit" onPress={() => setEditing(true)}>
            Make a new version
          </Button>
        )
      }
    >
      <Loaded
        query={card}
        missing={
          <Empty title="This service has no scorecards yet" icon="score">
            It runs a version without them, or nobody has written one: calls are judged by Shunya’s own steps.
          </Empty>
        }
      >
        {(data) =>
          editing ? (
            <ScorecardForm card={data} path={path} onDone={() => setEditing(false)} />
          ) : (
            <div className="split">
              <Card title={`Version ${data.version}`}>
                <Steps stages={data.stages} />
                <h3>Qualified is</h3>
                <p>{data.qualification_criteria ?? 'As Shunya judges it.'}</p>
              </Card>
              <Card title="Versions">
                <Loaded query={versions}>
                  {({ items }) => (
                    <ul className="list">
                      {items.map((version) => (
                        <li key={version.version}>
                          <span className="row between">
                            <strong>Version {version.version}</strong>
                            <span className="muted small">
                              {version.created_at && <Time at={version.created_at} />}
                            </span>
                          </span>
                          <span className="muted small">
                            {version.stages.map(({ name }) => plain(name)).join(', ')}
                          </span>
                        </li>
                      ))}
                    </ul>
                  )}
                </Loaded>
              </Card>
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}

function Steps({ stages }: { stages: Stage[] }) {
  const whole = stages.reduce((sum, { weight }) => sum + weight, 0);
  return (
    <ul className="list">
      {stages.map(({ name, weight, description }) => (
        <li key={name}>
          <span className="row between">
            <strong>{plain(name)}</strong>
            <Badge>{decimal((100 * weight) / (whole || 1))} % of the score</Badge>
          </span>
          {description && <span className="muted">{description}</span>}
        </li>
      ))}
    </ul>
  );
}

function ScorecardForm({ card, path, onDone }: { card: Scorecard; path: string; onDone: () => void }) {
  const queries = useQueryClient();
  const [stages, setStages] = useState(() =>
    card.stages.map((stage, index) => ({ ...stage, key: String(index), weight: String(stage.weight) })),
  );
  const [criteria, setCriteria] = useState(card.qualification_criteria ?? '');
  const change = (key: string, part: Partial<(typeof stages)[number]>) =>
    setStages((old) => old.map((stage) => (stage.key === key ? { ...stage, ...part } : stage)));
  const save = useMutation({
    mutationFn: () =>
      request<Scorecard>('PUT', path, {
        stages: stages
          .filter(({ name }) => name.trim())
          .map(({ name, weight, description }) => ({
            name: name.trim(),
            weight: Number(weight),
            description: description?.trim() || null,
          })),
        qualification_criteria: criteria.trim() || null,
      }),
    onSuccess: ({ version }) => {
      void queries.invalidateQueries({ queryKey: ['scorecard'] });
      announce(`Version ${version} counts from now on.`);
      onDone();
    },
  });
  return (
    <Card title={`Version ${card.version + 1}`}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        {stages.map((stage, index) => (
          <fieldset key={stage.key} className="columns">
            <legend className="visually-hidden">Step {index + 1}</legend>
            <TextField
              label={`Step ${index + 1}`}
              value={stage.name}
              onChange={(name) => change(stage.key, { name })}
              maxLength={200}
            />
            <TextField
              label="Weight"
              hint="0 leaves it out of the score."
              type="number"
              min={0}
              max={100}
              step="any"
              value={stage.weight}
              onChange={(weight) => change(stage.key, { weight })}
            />
            <TextField
              label="What is meant"
              value={stage.description ?? ''}
              onChange={(description) => change(stage.key, { description })}
              maxLength={500}
            />
          </fieldset>
        ))}
        <div>
          <Button
            icon="plus"
            onPress={() =>
              setStages((old) => [...old, { key: crypto.randomUUID(), name: '', weight: '1', description: '' }])
            }
          >
            Add a step
          </Button>
        </div>
        <TextArea label="A caller is qualified when" value={criteria} onChange={setCriteria} maxLength={5000} />
        <FormProblem problem={save.error} />
        <div className="form-actions">
          <Button onPress={onDone}>Cancel</Button>
          <Button kind="primary" type="submit" busy={save.isPending}>
            Save as a new version
          </Button>
        </div>
      </form>
    </Card>
  );
}
