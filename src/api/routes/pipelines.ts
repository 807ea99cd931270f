/** Pipelines for operators: what is stuck and why, and what to do about it. */
import { z } from '@hono/zod-openapi';
import type { Queryable } from '../../db/client.ts';
import { countPipelines, findPipeline, listPipelines, type PipelineRow } from '../../db/queries/pipelines.ts';
import { BLOCKERS, PIPELINE_STAGES, SUBJECT_KINDS } from '../../domain/pipeline.ts';
import type { OperatorActionName } from '../../domain/pipelineSteps.ts';
import { pipelineWorkflowId } from '../../domain/workflowIds.ts';
import {
  BATCH_MAX,
  pipelineNamedBy,
  recordAction,
  recordBatchRetry,
  sendOperatorUpdate,
  signalRetries,
} from '../../services/pipelines/operate.ts';
import { EXAMPLE } from '../../views/examples.ts';
import { pipelineSchema, pipelineView } from '../../views/pipeline.ts';
import type { ApiDeps } from '../deps.ts';
import { notFound } from '../http/errors.ts';
import { byMoment, listOf, listPage, pageQuery } from '../http/pagination.ts';
import { type ApiRouter, createRoutes } from '../http/router.ts';
import { booleanQuery, commaList, companyQuery, requiredText } from '../http/schemas.ts';

const listQuery = z.object({
  ...pageQuery,
  needs_attention: booleanQuery
    .optional()
    .openapi({ description: '`true`: only pipelines that need a person. `false`: only the others.' }),
  stage: commaList(PIPELINE_STAGES).optional(),
  kind: z.enum(SUBJECT_KINDS).optional(),
  blocked_on: commaList(BLOCKERS).optional(),
  company_id: companyQuery,
});

const reason = requiredText(2000).openapi({ description: 'Why; kept in the audit log.', example: 'Shunya is back' });
const reasonBody = z.object({ reason }).openapi('OperatorReason', { example: { reason: 'Shunya is back' } });

const batchBody = z
  .object({
    filter: z
      .object({
        stage: commaList(PIPELINE_STAGES).optional(),
        kind: z.enum(SUBJECT_KINDS).optional(),
        blocked_on: commaList(BLOCKERS).optional(),
        needs_attention: z.boolean().optional(),
        company_id: z.string().max(255).optional(),
      })
      .strict()
      .openapi({ description: 'The filters of the list. Blocked pipelines that match all of them are retried.' }),
    reason,
  })
  .openapi('BatchRetry', { example: { filter: { kind: 'call', stage: 'analyzing' }, reason: 'Shunya is back' } });

const sentSchema = z.object({ workflow_id: z.string(), audit_id: z.string() }).openapi('OperatorAction', {
  description: 'The action was sent. Read the pipeline to see when it took effect.',
  example: { workflow_id: EXAMPLE.workflowId, audit_id: EXAMPLE.auditId },
});

const batchSchema = z
  .object({
    matched: z.int().openapi({ description: 'How many blocked pipelines match.' }),
    sent: z.int().openapi({
      description: `How many were told to retry now. The rest of the first ${BATCH_MAX} follow by themselves; for more, send the request again.`,
    }),
    audit_id: z.string(),
  })
  .openapi('BatchRetrySent', { example: { matched: 12, sent: 12, audit_id: EXAMPLE.auditId } });

/** Everything below /pipelines. */
export function pipelineRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);
  const tag = 'Operators';

  routes.add(
    {
      method: 'get',
      path: '/pipelines',
      permission: 'pipelines.read',
      summary: 'List pipelines, one per call or visit',
      tag,
      query: listQuery,
      data: listOf(pipelineSchema),
    },
    async ({ db, query, access }) => {
      const filter = {
        companyId: access.companyId ?? query.company_id,
        needsAttention: query.needs_attention,
        stage: query.stage,
        kind: query.kind,
        blockedOn: query.blocked_on,
      };
      return listPage(query, {
        rows: (page) => listPipelines(db, filter, page),
        count: () => countPipelines(db, filter),
        key: byMoment((row: PipelineRow) => ({ at: row.startedAt, id: row.subjectId })),
        view: (row) => pipelineView(row, deps.config.temporal),
      });
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/pipelines/{workflow_id}',
      permission: 'pipelines.read',
      summary: 'Read a pipeline',
      tag,
      data: pipelineSchema,
    },
    async ({ db, params, access }) =>
      pipelineView(await mustFindPipeline(db, access.companyId, params.workflow_id), deps.config.temporal),
  );

  const operate = (name: OperatorActionName, summary: string, description: string) =>
    routes.add(
      {
        method: 'post',
        path: `/pipelines/{workflow_id}/${name}`,
        permission: 'pipelines.operate',
        summary,
        description,
        tag,
        body: reasonBody,
        status: 202,
        creates: true,
        data: sentSchema,
        errors: ['nothing_to_retry'],
      },
      async ({ tx, params, body, access, afterCommit }) => {
        const row = await mustFindPipeline(tx, access.companyId, params.workflow_id);
        const action = await recordAction(tx, access, name, row, body.reason);
        afterCommit(() => sendOperatorUpdate(deps, name, row, action));
        return { workflow_id: pipelineWorkflowId(row), audit_id: action.reason };
      },
    );
  operate(
    'retry',
    'Try the blocked step again now',
    'Retries the blocked step at once, also one of its analysis. 409 `nothing_to_retry` where nothing is blocked. Blocked ' +
      'steps are also retried automatically.',
  );
  operate(
    'skip',
    'Give up the blocked step',
    'For a step that will never succeed. The pipeline ends in stage `failed`. 409 `nothing_to_retry` where nothing is blocked.',
  );

  routes.add(
    {
      method: 'post',
      path: '/pipelines/retry',
      permission: 'pipelines.operate',
      summary: 'Try the blocked steps of many pipelines again',
      tag,
      body: batchBody,
      status: 202,
      data: batchSchema,
    },
    async ({ tx, body, access, afterCommit }) => {
      const { stage, blocked_on, kind, needs_attention, company_id } = body.filter;
      const filter = {
        companyId: access.companyId ?? company_id,
        stage,
        blockedOn: blocked_on,
        kind,
        needsAttention: needs_attention,
      };
      const asked = { filter, named: body.filter, reason: body.reason };
      const { matched, rows, action } = await recordBatchRetry(tx, access, asked);
      const answer = { matched, sent: 0, audit_id: action.reason };
      // Sent once the audit row is committed; the answer is written after that.
      afterCommit(async () => {
        answer.sent = await signalRetries(deps, rows, action);
      });
      return answer;
    },
  );

  return routes.app;
}

async function mustFindPipeline(
  db: Queryable,
  companyId: string | undefined,
  workflowId: string,
): Promise<PipelineRow> {
  const subject = pipelineNamedBy(workflowId);
  const row = subject && (await findPipeline(db, companyId, subject));
  if (!row) throw notFound();
  return row;
}
