/** Companies: set one up, and see it turn green as its first webhooks arrive. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, Navigate, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { api, type Role, type Schemas, unwrap } from '../lib/api.ts';
import { askLocal, useConfig } from '../lib/config.ts';
import { phone, viewerZone } from '../lib/format.ts';
import { useCan, useKnownMe } from '../lib/me.ts';
import { plain, ROLES } from '../lib/words.ts';
import { Icon } from '../ui/icons.tsx';
import {
  announce,
  Badge,
  Button,
  Card,
  Definition,
  Dialog,
  Empty,
  FormProblem,
  Loaded,
  Select,
  Skeleton,
  TextField,
  Time,
} from '../ui/kit.tsx';

type Company = Schemas['Company'];

export function CompaniesPage() {
  const can = useCan();
  const me = useKnownMe();
  if (!can('set up companies') && me.company_id)
    return <Navigate to="/operations/companies/$id" params={{ id: me.company_id }} replace />;
  return <AllCompanies />;
}

function AllCompanies() {
  const navigate = useNavigate();
  const [adding, setAdding] = useState(false);
  const list = useQuery({
    queryKey: ['companies'],
    queryFn: () => unwrap(api.GET('/api/v1/companies', { params: { query: { limit: 200 } } })),
  });
  return (
    <>
      <div className="row between">
        <h2>Companies</h2>
        <Button kind="primary" icon="plus" onPress={() => setAdding(true)}>
          Add a company
        </Button>
      </div>
      <Loaded query={list}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No company yet">Add the first one: a name and a time zone are enough.</Empty>
          ) : (
            <Card>
              <ul className="list">
                {items.map((company) => (
                  <li key={company.id}>
                    <span className="row between">
                      <Link to="/operations/companies/$id" params={{ id: company.id }}>
                        <strong>{company.name}</strong>
                      </Link>
                      <span className="row">
                        {company.is_demo && <Badge>Demo</Badge>}
                        <span className="muted small">
                          {company.id} · {company.time_zone}
                        </span>
                      </span>
                    </span>
                  </li>
                ))}
              </ul>
            </Card>
          )
        }
      </Loaded>
      <Dialog title="Add a company" isOpen={adding} onClose={() => setAdding(false)}>
        <AddCompany
          onClose={() => setAdding(false)}
          onDone={(id) => {
            setAdding(false);
            void navigate({ to: '/operations/companies/$id', params: { id } });
          }}
        />
      </Dialog>
    </>
  );
}

/** A key made once per form: a second press after a lost answer makes no second one. */
const useOnceKey = () => useState(() => crypto.randomUUID())[0];

function AddCompany({ onClose, onDone }: { onClose: () => void; onDone: (id: string) => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [zone, setZone] = useState(viewerZone);
  const [key, setKey] = useState('');
  const once = useOnceKey();
  const add = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST('/api/v1/companies', {
          params: { header: { 'Idempotency-Key': once } },
          body: { name: name.trim(), time_zone: zone, ...(key.trim() && { callrail_signing_keys: [key.trim()] }) },
        }),
      ),
    onSuccess: ({ id }) => {
      void queries.invalidateQueries({ queryKey: ['companies'] });
      announce('The company is there. Next: its number and its people.');
      onDone(id);
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        add.mutate();
      }}
    >
      <TextField label="Name" value={name} onChange={setName} required maxLength={200} placeholder="Acme Roofing" />
      <Zones value={zone} onChange={setZone} />
      <TextField
        label="CallRail signing key (optional)"
        hint="Proves that webhooks are CallRail’s. It can be added later, and is never shown again."
        value={key}
        onChange={setKey}
        autoComplete="off"
        spellCheck={false}
      />
      <FormProblem problem={add.error} />
      <div className="form-actions">
        <Button onPress={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={add.isPending} isDisabled={!name.trim()}>
          Add
        </Button>
      </div>
    </form>
  );
}

function Zones({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const zones = Intl.supportedValuesOf('timeZone');
  return (
    <Select
      label="Time zone"
      hint="Its days count in lists and numbers."
      value={value}
      onChange={onChange}
      options={[...new Set([value, ...zones])].map((zone) => [zone, zone.replaceAll('_', ' ')] as const)}
    />
  );
}

export function CompanyPage() {
  const { id } = useParams({ from: '/operations/companies/$id' });
  const can = useCan();
  const company = useQuery({
    queryKey: ['companies', id],
    queryFn: () => unwrap(api.GET('/api/v1/companies/{id}', { params: { path: { id } } })),
  });
  return (
    <Loaded query={company} missing={<Empty title="There is no such company" />}>
      {(data) => (
        <>
          <div className="row between">
            <h2>{data.name}</h2>
            {can('set up companies') && <Link to="/operations/companies">All companies</Link>}
          </div>
          <div className="split">
            <div className="stack">
              <Checklist company={data} />
              <Numbers companyId={id} />
            </div>
            <div className="stack">
              <Settings company={data} />
              <People companyId={id} />
            </div>
          </div>
        </>
      )}
    </Loaded>
  );
}

const CALLRAIL_EVENTS = [
  ['call.incoming', 'a call rings'],
  ['call.answered', 'somebody answers'],
  ['call.completed', 'a call has ended'],
  ['call.missed', 'nobody answered'],
  ['call.modified', 'a call changed afterwards, such as a late recording'],
] as const;
const CHECK_MS = 3000;

function Checklist({ company }: { company: Company }) {
  const numbers = useNumbers(company.id);
  const people = usePeople(company.id);
  const config = useConfig();
  const events = useQuery({
    queryKey: ['webhook-events', 'first', company.id],
    // One question for each kind: the newest that took effect or is on its way.
    queryFn: async () => {
      const kinds = [
        ...CALLRAIL_EVENTS.map(([route]) => ({ source: 'callrail', route })),
        { source: 'shunya', route: undefined },
      ];
      const found = kinds.map(({ source, route }) =>
        unwrap(
          api.GET('/api/v1/webhook-events', {
            params: {
              query: { company_id: company.id, source, route, status: 'applied,dispatched,pending', limit: 1 },
            },
          }),
        ),
      );
      return (await Promise.all(found)).map(({ items }) => items[0]);
    },
    refetchInterval: CHECK_MS,
  });
  const hasNumber = (numbers.data?.length ?? 0) > 0;
  const hasKey = company.callrail_signing_key_count > 0;
  return (
    <Card title="Set-up" actions={config.data?.local && <TestCall companyId={company.id} />}>
      <ul className="checklist">
        <Check done={hasNumber} text="A number that customers call" how="Add it below." />
        <Check
          done={(people.data?.length ?? 0) > 0}
          text="People, so that calls and appointments have names"
          how="Add them on this page."
        />
        <Check
          done={hasKey}
          text="CallRail’s signing key"
          how={
            config.data?.local
              ? 'Optional in local mode. Add it under Settings.'
              : 'Add it under Settings: without it, webhooks are refused.'
          }
        />
        {CALLRAIL_EVENTS.map(([route, means], index) => {
          const event = events.data?.[index];
          return (
            <Check
              key={route}
              done={event !== undefined}
              text={`CallRail tells when ${means}`}
              {...(event
                ? { at: event.received_at, isTest: event.provider_call_id?.startsWith('TEST-') ?? false }
                : {})}
              url={`${location.origin}/api/v1/callrail/${route}`}
            />
          );
        })}
        <Check
          done={events.data?.[CALLRAIL_EVENTS.length] !== undefined}
          text="Shunya tells when an analysis is ready"
          {...(events.data?.[CALLRAIL_EVENTS.length] && { at: events.data[CALLRAIL_EVENTS.length]?.received_at ?? '' })}
          url={`${location.origin}/api/v1/shunya/webhook`}
        />
      </ul>
      <p className="muted small">
        In CallRail: Settings → Integrations → Webhooks; paste each address at its event. A line turns green by itself
        with the first webhook of its kind.
      </p>
    </Card>
  );
}

function Check({
  done,
  text,
  how,
  url,
  at,
  isTest = false,
}: {
  done: boolean;
  text: string;
  how?: string;
  url?: string;
  at?: string;
  isTest?: boolean;
}) {
  return (
    <li className={done ? 'done' : ''}>
      <Icon name={done ? 'check' : 'inbox'} />
      <span>
        {text}
        <span className="visually-hidden">{done ? ': done' : ': not yet'}</span>
        {!done && how && <span className="muted small block">{how}</span>}
        {url && <span className="url">{url}</span>}
        {at && (
          <span className="muted small block">
            {isTest ? 'Last by a test call: ' : 'Last: '}
            <Time at={at} />
          </span>
        )}
      </span>
      {url && (
        <Button
          kind="quiet"
          icon="copy"
          aria-label={`Copy the address for: ${text}`}
          onPress={() => void navigator.clipboard.writeText(url).then(() => announce('The address was copied.'))}
        />
      )}
    </li>
  );
}

interface TestCallAnswer {
  call: { id: string; caller: string; started_at: string };
  answer: { status: number; body: { status?: string; detail?: string } };
}
const TEST_CALLS = { booked: ['incoming', 'answered', 'completed'], missed: ['incoming', 'missed'] } as const;
type TestKind = keyof typeof TEST_CALLS;
const TEST_PAUSE_MS = 1500;

/** Plays CallRail: signed webhooks over HTTP, as a real call would come. */
function TestCall({ companyId }: { companyId: string }) {
  const queries = useQueryClient();
  const send = useMutation({
    mutationFn: async (kind: TestKind) => {
      let call: TestCallAnswer['call'] | undefined;
      for (const event of TEST_CALLS[kind]) {
        if (call) await new Promise((resolve) => setTimeout(resolve, TEST_PAUSE_MS));
        const sent: TestCallAnswer = await askLocal<TestCallAnswer>('test-call', {
          company_id: companyId,
          event,
          ...(call && { call }),
        });
        if (sent.answer.status !== 200) throw new Error(sent.answer.body.detail ?? 'The webhook was refused.');
        call = sent.call;
        void queries.invalidateQueries({ queryKey: ['webhook-events'] });
      }
    },
    onSuccess: (_, kind) =>
      announce(
        kind === 'booked'
          ? 'The test call has ended. Its analysis takes some seconds.'
          : 'Nobody answered the test call. It is among the follow-ups.',
      ),
  });
  return (
    <span className="row">
      {send.error && <Badge tone="bad">{send.error.message}</Badge>}
      <Button icon="phone" busy={send.isPending} onPress={() => send.mutate('booked')}>
        Send a test call
      </Button>
      <Button isDisabled={send.isPending} onPress={() => send.mutate('missed')}>
        Send a missed one
      </Button>
    </span>
  );
}

const useNumbers = (companyId: string) =>
  useQuery({
    queryKey: ['numbers', companyId],
    queryFn: () =>
      unwrap(
        api.GET('/api/v1/companies/{id}/tracking-numbers', {
          params: { path: { id: companyId }, query: { limit: 200 } },
        }),
      ).then(({ items }) => items),
  });
const usePeople = (companyId: string) =>
  useQuery({
    queryKey: ['users', companyId],
    queryFn: () =>
      unwrap(
        api.GET('/api/v1/companies/{id}/users', { params: { path: { id: companyId }, query: { limit: 200 } } }),
      ).then(({ items }) => items),
  });

function Numbers({ companyId }: { companyId: string }) {
  const can = useCan();
  const queries = useQueryClient();
  const numbers = useNumbers(companyId);
  const [value, setValue] = useState('');
  const [label, setLabel] = useState('');
  const done = () => void queries.invalidateQueries({ queryKey: ['numbers', companyId] });
  const add = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST('/api/v1/companies/{id}/tracking-numbers', {
          params: { path: { id: companyId } },
          body: { phone_number: value.trim(), label: label.trim() || null },
        }),
      ),
    onSuccess: () => {
      setValue('');
      setLabel('');
      announce('The number is added. Webhooks that waited for it go through.');
      done();
    },
  });
  const remove = useMutation({
    mutationFn: (phone_number: string) =>
      unwrap(
        api.DELETE('/api/v1/companies/{id}/tracking-numbers/{phone_number}', {
          params: { path: { id: companyId, phone_number } },
        }) as never,
      ),
    onSuccess: done,
  });
  return (
    <Card title="Numbers that customers call">
      <Loaded query={numbers} skeleton={<Skeleton rows={1} />}>
        {(items) =>
          items.length === 0 ? (
            <p className="muted">None yet: calls find their company by it.</p>
          ) : (
            <ul className="list">
              {items.map((item) => (
                <li key={item.phone_number}>
                  <span className="row between">
                    <span>
                      <strong>{phone(item.phone_number)}</strong> <span className="muted">{item.label}</span>
                    </span>
                    {can('set up companies') && (
                      <Button
                        kind="quiet"
                        isDisabled={remove.isPending}
                        aria-label={`Remove ${item.phone_number}`}
                        onPress={() => remove.mutate(item.phone_number)}
                      >
                        Remove
                      </Button>
                    )}
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      <FormProblem problem={remove.error} />
      {can('set up companies') && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            add.mutate();
          }}
        >
          <div className="columns">
            <TextField
              label="Number"
              type="tel"
              value={value}
              onChange={setValue}
              required
              placeholder="+1 212 555 0100"
            />
            <TextField
              label="Name (optional)"
              value={label}
              onChange={setLabel}
              maxLength={100}
              placeholder="Website"
            />
          </div>
          <FormProblem problem={add.error} />
          <div className="form-actions">
            <Button type="submit" icon="plus" busy={add.isPending} isDisabled={!value.trim()}>
              Add the number
            </Button>
          </div>
        </form>
      )}
    </Card>
  );
}

function People({ companyId }: { companyId: string }) {
  const can = useCan();
  const people = usePeople(companyId);
  const [adding, setAdding] = useState(false);
  return (
    <Card
      title="People"
      actions={
        can('set up companies') && (
          <Button icon="plus" onPress={() => setAdding(true)}>
            Add
          </Button>
        )
      }
    >
      <Loaded query={people} skeleton={<Skeleton rows={2} />}>
        {(items) =>
          items.length === 0 ? (
            <p className="muted">Nobody yet.</p>
          ) : (
            <ul className="list">
              {items.map((user) => (
                <li key={user.id}>
                  <span className="row between">
                    <strong>{user.name}</strong>
                    <Badge>{ROLES[user.role as Role] ?? plain(user.role)}</Badge>
                  </span>
                  <span className="muted small">{[user.id, user.email].filter(Boolean).join(' · ')}</span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      <Dialog title="Add a person" isOpen={adding} onClose={() => setAdding(false)}>
        <AddPerson companyId={companyId} onClose={() => setAdding(false)} />
      </Dialog>
    </Card>
  );
}

function AddPerson({ companyId, onClose }: { companyId: string; onClose: () => void }) {
  const queries = useQueryClient();
  const [id, setId] = useState('');
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<string>('csr');
  const add = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST('/api/v1/companies/{id}/users', {
          params: { path: { id: companyId } },
          body: { id: id.trim(), name: name.trim(), role: role as 'csr', email: email.trim() || null },
        }),
      ),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['users', companyId] });
      announce('The person is added.');
      onClose();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        add.mutate();
      }}
    >
      <TextField label="Name" value={name} onChange={setName} required maxLength={200} />
      <Select
        label="Role"
        value={role}
        onChange={setRole}
        options={Object.entries(ROLES).filter(([key]) => key !== 'admin')}
      />
      <TextField
        label="User id"
        hint="As the sign-in says it (the claim sub)."
        value={id}
        onChange={setId}
        required
        maxLength={255}
        autoComplete="off"
        spellCheck={false}
      />
      <TextField
        label="Email (optional)"
        hint="As CallRail names the agent: then their calls bear their name."
        type="email"
        value={email}
        onChange={setEmail}
      />
      <FormProblem problem={add.error} />
      <div className="form-actions">
        <Button onPress={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={add.isPending} isDisabled={!id.trim() || !name.trim()}>
          Add
        </Button>
      </div>
    </form>
  );
}

function Settings({ company }: { company: Company }) {
  const can = useCan();
  const [editing, setEditing] = useState(false);
  return (
    <Card
      title="Settings"
      actions={
        can('set up companies') && (
          <Button kind="quiet" icon="edit" onPress={() => setEditing(true)}>
            Change
          </Button>
        )
      }
    >
      <Definition
        items={[
          ['Time zone', company.time_zone.replaceAll('_', ' ')],
          ['Id', company.id],
          [
            'CallRail signing keys',
            company.callrail_signing_key_count === 0 ? 'None' : `${company.callrail_signing_key_count}, not shown`,
          ],
          ['CallRail API key', company.has_callrail_api_key ? 'Set, not shown' : 'None'],
          ['CallRail company', company.callrail_company_id ?? '–'],
          ['Shunya company', company.shunya_company_id ?? 'As the id'],
        ]}
      />
      <Dialog title="Settings" isOpen={editing} onClose={() => setEditing(false)}>
        <SettingsForm company={company} onClose={() => setEditing(false)} />
      </Dialog>
    </Card>
  );
}

function SettingsForm({ company, onClose }: { company: Company; onClose: () => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState(company.name);
  const [zone, setZone] = useState(company.time_zone);
  const [callrailId, setCallrailId] = useState(company.callrail_company_id ?? '');
  const [accountId, setAccountId] = useState(company.callrail_account_id ?? '');
  const [signingKeys, setSigningKeys] = useState('');
  const [apiKey, setApiKey] = useState('');
  const save = useMutation({
    mutationFn: () =>
      unwrap(
        api.PATCH('/api/v1/companies/{id}', {
          params: { path: { id: company.id } },
          body: {
            ...(name !== company.name && { name: name.trim() }),
            ...(zone !== company.time_zone && { time_zone: zone }),
            ...(callrailId !== (company.callrail_company_id ?? '') && {
              callrail_company_id: callrailId.trim() || null,
            }),
            ...(accountId !== (company.callrail_account_id ?? '') && { callrail_account_id: accountId.trim() || null }),
            ...(signingKeys.trim() && { callrail_signing_keys: signingKeys.split(/[\s,]+/).filter(Boolean) }),
            ...(apiKey.trim() && { callrail_api_key: apiKey.trim() }),
          },
        }),
      ),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['companies'] });
      announce('Saved.');
      onClose();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <TextField label="Name" value={name} onChange={setName} required maxLength={200} />
      <Zones value={zone} onChange={setZone} />
      <TextField
        label="New CallRail signing keys"
        hint="They take the place of those there are. Two, with a space, while you change one for another. Empty: no change."
        value={signingKeys}
        onChange={setSigningKeys}
        autoComplete="off"
        spellCheck={false}
      />
      <div className="columns">
        <TextField label="CallRail company id" value={callrailId} onChange={setCallrailId} autoComplete="off" />
        <TextField label="CallRail account id" value={accountId} onChange={setAccountId} autoComplete="off" />
      </div>
      <TextField
        label="New CallRail API key"
        hint="Finds calls whose webhooks were lost. Empty: no change."
        type="password"
        value={apiKey}
        onChange={setApiKey}
        autoComplete="new-password"
      />
      <FormProblem problem={save.error} />
      <div className="form-actions">
        <Button onPress={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={save.isPending}>
          Save
        </Button>
      </div>
    </form>
  );
}
