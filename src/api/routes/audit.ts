/** The audit log: who did what, when and why. */
import { z } from '@hono/zod-openapi';
import { type AuditRow, countAudit, listAudit } from '../../db/queries/audit.ts';
import { EXAMPLE } from '../../views/examples.ts';
import { iso, momentOut } from '../../views/shapes.ts';
import type { ApiDeps } from '../deps.ts';
import { bySequence, listOf, listPage, pageQuery } from '../http/pagination.ts';
import { type ApiRouter, createRoutes } from '../http/router.ts';
import { companyQuery } from '../http/schemas.ts';

const filterText = (description: string, example: string) =>
  z.string().max(255).optional().openapi({ description, example });

const listQuery = z.object({
  ...pageQuery,
  action: filterText('Only entries of this action.', 'analysis.correct'),
  subject_kind: filterText('Only entries about things of this kind.', 'call'),
  subject_id: filterText('Only entries about the thing with this id.', EXAMPLE.callId),
  actor_id: filterText('Only entries of this user.', EXAMPLE.userId),
  company_id: companyQuery,
});

const entrySchema = z
  .object({
    id: z.string(),
    company_id: z.string().nullable(),
    actor_id: z.string(),
    actor_role: z.string(),
    action: z.string(),
    subject_kind: z.string(),
    subject_id: z.string(),
    reason: z.string().nullable(),
    details: z.record(z.string(), z.unknown()).nullable(),
    created_at: momentOut,
  })
  .openapi('AuditEntry', {
    example: {
      id: EXAMPLE.auditId,
      company_id: EXAMPLE.companyId,
      actor_id: EXAMPLE.userId,
      actor_role: 'manager',
      action: 'analysis.correct',
      subject_kind: 'call',
      subject_id: EXAMPLE.callId,
      reason: 'They only asked for a price.',
      details: { fields: ['booking_status'] },
      created_at: '2026-03-10T16:20:00.000Z',
    },
  });

/** GET /audit. */
export function auditRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);
  routes.add(
    {
      method: 'get',
      path: '/audit',
      permission: 'audit.read',
      summary: 'List who did what, when and why, newest first',
      tag: 'Operators',
      query: listQuery,
      data: listOf(entrySchema),
    },
    async ({ db, query, access }) => {
      const filter = {
        companyId: access.companyId ?? query.company_id,
        action: query.action,
        subjectKind: query.subject_kind,
        subjectId: query.subject_id,
        actorId: query.actor_id,
      };
      return listPage(query, {
        rows: (page) => listAudit(db, filter, page),
        count: () => countAudit(db, filter),
        key: bySequence((row: AuditRow) => row.sequence),
        view: (row) => ({
          id: row.id,
          company_id: row.companyId,
          actor_id: row.actorId,
          actor_role: row.actorRole,
          action: row.action,
          subject_kind: row.subjectKind,
          subject_id: row.subjectId,
          reason: row.reason,
          details: row.details as Record<string, unknown> | null,
          created_at: iso(row.createdAt),
        }),
      });
    },
  );
  return routes.app;
}
