/** The lead: what became of the caller, and what people noted. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Lead, unwrap } from '../lib/api.ts';
import { useCan, useNameOf } from '../lib/me.ts';
import { leadStatus } from '../lib/words.ts';
import {
  announce,
  Button,
  Card,
  Definition,
  Dialog,
  FormProblem,
  Loaded,
  Said,
  Select,
  Skeleton,
  TextArea,
} from '../ui/kit.tsx';

const STATUSES = [
  'new',
  'hot',
  'warm',
  'cold',
  'unqualified',
  'qualified_booked',
  'qualified_service_not_offered',
  'closed_won',
  'closed_lost',
] as const;

export function LeadCard({ leadId }: { leadId: string }) {
  const can = useCan();
  const nameOf = useNameOf();
  const [editing, setEditing] = useState(false);
  const lead = useQuery({
    queryKey: ['lead', leadId],
    queryFn: () => unwrap(api.GET('/api/v1/leads/{id}', { params: { path: { id: leadId } } })),
    enabled: Boolean(leadId),
  });
  if (!leadId) return null;
  return (
    <Card
      title="Lead"
      actions={
        can('write leads') && (
          <Button kind="quiet" icon="edit" onPress={() => setEditing(true)}>
            Change
          </Button>
        )
      }
    >
      <Loaded query={lead} skeleton={<Skeleton rows={1} />}>
        {(data) => (
          <>
            <Definition
              items={[
                ['Status', <Said key="status" said={leadStatus(data.status)} />],
                ['Assigned to', data.assigned_rep_id ? nameOf(data.assigned_rep_id) : 'Nobody'],
                ['Source', data.source ?? '–'],
              ]}
            />
            {data.notes ? <p className="notes">{data.notes}</p> : <p className="muted">No notes.</p>}
            <Dialog title="Change the lead" isOpen={editing} onClose={() => setEditing(false)}>
              <LeadForm lead={data} onDone={() => setEditing(false)} />
            </Dialog>
          </>
        )}
      </Loaded>
    </Card>
  );
}

function LeadForm({ lead, onDone }: { lead: Lead; onDone: () => void }) {
  const queries = useQueryClient();
  const [status, setStatus] = useState<string>(lead.status);
  const [notes, setNotes] = useState(lead.notes ?? '');
  const save = useMutation({
    mutationFn: () =>
      unwrap(
        api.PATCH('/api/v1/leads/{id}', {
          params: { path: { id: lead.id } },
          body: {
            ...(status !== lead.status && { status: status as Lead['status'] }),
            ...(notes !== (lead.notes ?? '') && { notes: notes.trim() || null }),
          },
        }),
      ),
    onSuccess: (saved) => {
      queries.setQueryData(['lead', lead.id], saved);
      announce('The lead is saved.');
      onDone();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Select
        label="Status"
        value={status}
        onChange={setStatus}
        options={STATUSES.map((value) => [value, leadStatus(value).text] as const)}
        hint="What you set here holds against later analyses of earlier calls."
      />
      <TextArea label="Notes" value={notes} onChange={setNotes} maxLength={10_000} rows={5} />
      <FormProblem problem={save.error} />
      <div className="form-actions">
        <Button onPress={onDone}>Cancel</Button>
        <Button kind="primary" type="submit" busy={save.isPending}>
          Save
        </Button>
      </div>
    </form>
  );
}
