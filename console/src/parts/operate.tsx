/** Retry or skip what is stuck, with a reason. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiProblem, api, unwrap } from '../lib/api.ts';
import { announce, Button, Dialog, FormProblem, TextField } from '../ui/kit.tsx';

type Action = 'retry' | 'skip';

export function OperateButtons({ workflowIds, onDone }: { workflowIds: readonly string[]; onDone?: () => void }) {
  const [action, setAction] = useState<Action>();
  const count = workflowIds.length;
  return (
    <>
      <span className="row">
        <Button icon="refresh" isDisabled={count === 0} onPress={() => setAction('retry')}>
          {count > 1 ? `Retry ${count}` : 'Retry'}
        </Button>
        <Button kind="danger" isDisabled={count === 0} onPress={() => setAction('skip')}>
          {count > 1 ? `Skip ${count}` : 'Skip'}
        </Button>
      </span>
      <Dialog
        title={
          action === 'skip'
            ? `Skip ${count === 1 ? 'the blocked step' : `${count} blocked steps`}`
            : `Retry ${count === 1 ? 'now' : `${count} now`}`
        }
        isOpen={action !== undefined}
        onClose={() => setAction(undefined)}
      >
        {action && (
          <OperateForm
            action={action}
            workflowIds={workflowIds}
            onClose={() => setAction(undefined)}
            onDone={() => {
              setAction(undefined);
              onDone?.();
            }}
          />
        )}
      </Dialog>
    </>
  );
}

function OperateForm({
  action,
  workflowIds,
  onClose,
  onDone,
}: {
  action: Action;
  workflowIds: readonly string[];
  onClose: () => void;
  onDone: () => void;
}) {
  const queries = useQueryClient();
  const [reason, setReason] = useState('');
  const operate = useMutation({
    mutationFn: async () => {
      let sent = 0;
      for (const workflow_id of workflowIds) {
        const request = { params: { path: { workflow_id } }, body: { reason } };
        const answer =
          action === 'retry'
            ? api.POST('/api/v1/pipelines/{workflow_id}/retry', request)
            : api.POST('/api/v1/pipelines/{workflow_id}/skip', request);
        try {
          await unwrap(answer);
          sent += 1;
        } catch (error) {
          // It went on by itself meanwhile: just what was wanted.
          if (!(error instanceof ApiProblem && error.status === 409)) throw error;
        }
      }
      return sent;
    },
    onSuccess: (sent) => {
      announce(
        sent === 0
          ? 'It had gone on by itself.'
          : `${action === 'retry' ? 'Retry' : 'Skip'} was sent to ${sent}. What still fails stays in the list.`,
      );
      void queries.invalidateQueries({ queryKey: ['pipelines'] });
      onDone();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        operate.mutate();
      }}
    >
      <p className="muted">
        {action === 'retry'
          ? 'The blocked step is tried at once, instead of at its next turn.'
          : 'The blocked step is given up for good: the call stays without what it would have brought. It can be analyzed again later.'}
      </p>
      <TextField
        label="Why"
        value={reason}
        onChange={setReason}
        required
        maxLength={2000}
        hint="Kept with your name in the audit trail."
        placeholder={action === 'retry' ? 'Shunya is back' : 'The recording is damaged'}
      />
      <FormProblem problem={operate.error} />
      <div className="form-actions">
        <Button onPress={onClose}>Cancel</Button>
        <Button
          kind={action === 'skip' ? 'danger' : 'primary'}
          type="submit"
          busy={operate.isPending}
          isDisabled={!reason.trim()}
        >
          {action === 'retry' ? 'Retry' : 'Skip'}
        </Button>
      </div>
    </form>
  );
}
