/** What makes a good call at this company: steps with weights, and what counts as qualified. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Schemas, unwrap } from '../lib/api.ts';
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

type Scorecard = Schemas['Scorecard'];
type Stage = Scorecard['stages'][number];

export function ScorecardsPage() {
  const me = useKnownMe();
  const can = useCan();
  const params = { path: { id: me.company_id ?? '' } };
  const [editing, setEditing] = useState(false);
  const card = useQuery({
    queryKey: ['scorecard'],
    queryFn: () => unwrap(api.GET('/api/v1/companies/{id}/scorecard', { params })),
  });
  const versions = useQuery({
    queryKey: ['scorecard', 'versions'],
    queryFn: () => unwrap(api.GET('/api/v1/companies/{id}/scorecard/versions', { params })),
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
            {card.data.version === 0 ? 'Write the first version' : 'Make a new version'}
          </Button>
        )
      }
    >
      <Loaded query={card}>
        {(data) =>
          editing ? (
            <ScorecardForm card={data} companyId={params.path.id} onDone={() => setEditing(false)} />
          ) : data.version === 0 ? (
            <Empty title="No scorecard yet" icon="score">
              Calls and visits are scored by Shunya’s own steps. With a scorecard, your steps and their weights count.
            </Empty>
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
      {stages.map(({ key, name, weight, description }) => (
        <li key={key}>
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

interface DraftStage extends Omit<Stage, 'key' | 'weight'> {
  id: string;
  key?: string;
  weight: string;
}

const newStage = (): DraftStage => ({ id: crypto.randomUUID(), name: '', weight: '1', description: null });

function ScorecardForm({ card, companyId, onDone }: { card: Scorecard; companyId: string; onDone: () => void }) {
  const queries = useQueryClient();
  // A stage keeps its key under a new name; one that is new gets its key from the service.
  const [stages, setStages] = useState<DraftStage[]>(() =>
    card.stages.length > 0
      ? card.stages.map((stage) => ({ ...stage, id: stage.key, weight: String(stage.weight) }))
      : [newStage()],
  );
  const [criteria, setCriteria] = useState(card.qualification_criteria ?? '');
  const change = (id: string, part: Partial<(typeof stages)[number]>) =>
    setStages((old) => old.map((stage) => (stage.id === id ? { ...stage, ...part } : stage)));
  const save = useMutation({
    mutationFn: () =>
      unwrap(
        api.PUT('/api/v1/companies/{id}/scorecard', {
          params: { path: { id: companyId } },
          body: {
            stages: stages
              .filter(({ name }) => name.trim())
              .map(({ key, name, weight, description }) => ({
                ...(key && { key }),
                name: name.trim(),
                weight: Number(weight),
                description: description?.trim() || null,
              })),
            qualification_criteria: criteria.trim() || null,
          },
        }),
      ),
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
          <fieldset key={stage.id} className="columns">
            <legend className="visually-hidden">Step {index + 1}</legend>
            <TextField
              label={`Step ${index + 1}`}
              value={stage.name}
              onChange={(name) => change(stage.id, { name })}
              maxLength={200}
            />
            <TextField
              label="Weight"
              hint="Relative to the others."
              type="number"
              min={0.01}
              max={100}
              step="any"
              value={stage.weight}
              onChange={(weight) => change(stage.id, { weight })}
            />
            <TextField
              label="What is meant"
              value={stage.description ?? ''}
              onChange={(description) => change(stage.id, { description })}
              maxLength={500}
            />
            {stages.length > 1 && (
              <Button
                kind="quiet"
                aria-label={`Remove step ${index + 1}`}
                onPress={() => setStages((old) => old.filter(({ id }) => id !== stage.id))}
              >
                Remove
              </Button>
            )}
          </fieldset>
        ))}
        <div>
          <Button icon="plus" onPress={() => setStages((old) => [...old, newStage()])}>
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
