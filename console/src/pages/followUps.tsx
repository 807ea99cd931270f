/** Who must be called back, oldest promise first. */
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { ApiProblem, api, type Schemas, unwrap } from '../lib/api.ts';
import { ago, callerName, number, phone } from '../lib/format.ts';
import { useFallbackInterval } from '../lib/live.ts';
import { useCan, useKnownMe, useNameOf } from '../lib/me.ts';
import type { Search } from '../lib/search.ts';
import { plain } from '../lib/words.ts';
import { Icon } from '../ui/icons.tsx';
import {
  announce,
  Badge,
  Button,
  Dialog,
  Empty,
  FormProblem,
  Loaded,
  Page,
  Select,
  TextArea,
  TextField,
} from '../ui/kit.tsx';

type FollowUp = Schemas['FollowUp'];
type Change = Schemas['FollowUpPatch'];

const KINDS: Record<FollowUp['kind'], string> = {
  missed: 'Missed call',
  abandoned: 'Call without an end',
  voicemail: 'Voicemail',
  unbooked: 'Qualified, not booked',
};

export function FollowUpsPage() {
  const search = useSearch({ from: '/follow-ups' }) as Search;
  const navigate = useNavigate({ from: '/follow-ups' });
  const set = (change: Search) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  const interval = useFallbackInterval();
  const query = { status: 'open,claimed', ...search };
  const list = useInfiniteQuery({
    queryKey: ['follow-ups', query],
    queryFn: ({ pageParam: cursor }) =>
      unwrap(api.GET('/api/v1/follow-ups', { params: { query: { ...query, limit: 100, cursor } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: interval,
  });
  return (
    <Page title="Follow-ups" lead="Callers nobody has spoken to yet, and good leads that did not book.">
      <Loaded query={list}>
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items);
          return (
            <>
              <search className="filters no-print">
                <Select
                  label="Show"
                  value={search.status ?? ''}
                  onChange={(status) => set({ status: status || undefined })}
                  options={[
                    ['', 'To do'],
                    ['done', 'Done'],
                    ['dismissed', 'Dismissed'],
                  ]}
                />
                <Select
                  label="Age"
                  value={search.overdue ?? ''}
                  onChange={(overdue) => set({ overdue: overdue || undefined })}
                  options={[
                    ['', 'Any'],
                    ['true', 'Overdue'],
                  ]}
                />
              </search>
              {items.length === 0 ? (
                <Empty
                  title={search.status || search.overdue ? 'Nothing here' : 'Everybody has been called back'}
                  icon="check"
                >
                  New ones appear here by themselves.
                </Empty>
              ) : (
                <>
                  <p className="muted small count-line">{number(pages[0]?.total ?? items.length)} to show</p>
                  <ul className="stack">
                    {items.map((item) => (
                      <li key={item.id} className="card">
                        <Entry item={item} />
                      </li>
                    ))}
                  </ul>
                  {list.hasNextPage && (
                    <Button busy={list.isFetchingNextPage} onPress={() => void list.fetchNextPage()}>
                      Show more
                    </Button>
                  )}
                </>
              )}
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}

function Entry({ item }: { item: FollowUp }) {
  const me = useKnownMe();
  const can = useCan();
  const nameOf = useNameOf();
  const queries = useQueryClient();
  const [closing, setClosing] = useState<'done' | 'dismissed'>();
  const change = useMutation({
    mutationFn: (body: Change) =>
      unwrap(api.PATCH('/api/v1/follow-ups/{id}', { params: { path: { id: item.id } }, body })),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['follow-ups'] });
      void queries.invalidateQueries({ queryKey: ['metrics'] });
      setClosing(undefined);
      announce('Saved.');
    },
  });
  const isOpen = item.status === 'open' || item.status === 'claimed';
  return (
    <>
      <div className="row between">
        <div>
          <p>
            <Link to="/contacts/$id" params={{ id: item.contact.id }}>
              <strong>{callerName(item.contact)}</strong>
            </Link>{' '}
            {item.contact.name && <span className="muted">{phone(item.contact.phone_number)}</span>}
          </p>
          <p className="row small">
            <Badge tone={item.kind === 'unbooked' ? 'warn' : 'bad'}>{KINDS[item.kind]}</Badge>
            {isOpen && (
              <Badge tone={item.overdue ? 'bad' : 'info'}>
                {item.overdue ? `Overdue, ${ago(item.due_at)}` : `Due ${ago(item.due_at)}`}
              </Badge>
            )}
            <span className="muted">
              {item.assigned_to
                ? `${nameOf(item.assigned_to)} has it`
                : isOpen
                  ? 'Nobody has it yet'
                  : plain(item.status)}
            </span>
            <Link to="/calls/$id" params={{ id: item.call_id }}>
              The call, {ago(item.called_at)}
            </Link>
            {item.closed_at && item.closed_by && (
              <span className="muted">
                {item.closed_by === 'call' ? 'by a later conversation' : `by ${nameOf(item.closed_by)}`},{' '}
                {ago(item.closed_at)}
              </span>
            )}
          </p>
        </div>
        {item.contact.phone_number && isOpen && (
          <a className="button primary" href={`tel:${item.contact.phone_number}`}>
            <Icon name="phone" /> {phone(item.contact.phone_number)}
          </a>
        )}
      </div>
      {isOpen && <p>{item.suggested_step}</p>}
      {item.note && <p className="muted">{item.note}</p>}
      {item.reason && <p className="muted">{item.reason}</p>}
      <FormProblem problem={closing ? undefined : change.error} />
      {isOpen && can('work follow-ups') && (
        <div className="row">
          {item.assigned_to === me.user_id ? (
            <Button isDisabled={change.isPending} onPress={() => change.mutate({ status: 'open', assigned_to: null })}>
              Give it back
            </Button>
          ) : (
            <Button
              isDisabled={change.isPending}
              onPress={() => change.mutate({ status: 'claimed', assigned_to: me.user_id })}
            >
              I take it
            </Button>
          )}
          <Button icon="check" onPress={() => setClosing('done')}>
            Done
          </Button>
          <Button kind="quiet" onPress={() => setClosing('dismissed')}>
            Dismiss
          </Button>
        </div>
      )}
      <Dialog
        title={closing === 'done' ? 'Called back' : 'Dismiss'}
        isOpen={closing !== undefined}
        onClose={() => setClosing(undefined)}
      >
        {closing && (
          <CloseForm
            closing={closing}
            problem={change.error}
            busy={change.isPending}
            onSave={(body) => change.mutate(body)}
            onClose={() => setClosing(undefined)}
          />
        )}
      </Dialog>
    </>
  );
}

function CloseForm({
  closing,
  problem,
  busy,
  onSave,
  onClose,
}: {
  closing: 'done' | 'dismissed';
  problem: unknown;
  busy: boolean;
  onSave: (body: Change) => void;
  onClose: () => void;
}) {
  const [text, setText] = useState('');
  const isDone = closing === 'done';
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onSave({ status: closing, ...(text.trim() && (isDone ? { note: text.trim() } : { reason: text.trim() })) });
      }}
    >
      {isDone ? (
        <TextArea
          label="Note (optional)"
          value={text}
          onChange={setText}
          maxLength={2000}
          placeholder="Wants a call on Monday"
        />
      ) : (
        <TextField
          label="Why"
          value={text}
          onChange={setText}
          required
          maxLength={2000}
          placeholder="Wrong number"
          hint="Kept with your name."
        />
      )}
      <FormProblem problem={problem instanceof ApiProblem ? problem : undefined} />
      <div className="form-actions">
        <Button onPress={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={busy} isDisabled={!isDone && !text.trim()}>
          {isDone ? 'Mark as done' : 'Dismiss'}
        </Button>
      </div>
    </form>
  );
}
