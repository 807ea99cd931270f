/** The usual callback names a job that is known by its id: it is matched and stored in one statement. */
import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { executePrepared } from '../../db/prepared.ts';
import { analysisWorkflowIdSql } from '../../db/workflowIds.ts';
import type { ShunyaCallback } from '../../providers/shunya/payload.ts';
import { sha256 } from './store.ts';

/**
 * Stores a callback of a job that Shunya's id of it leads to, as `routeAndHoldCallback` would match it: nothing else of the
 * callback may contradict the job or its company. No lock of that id is needed, since a job that has one keeps it.
 * @returns the event's id; undefined where nothing was stored, and what is the case has to be looked up
 */
export async function storeOfKnownJob(
  db: Database,
  { body, callback }: { body: Buffer; callback: ShunyaCallback },
): Promise<string | undefined> {
  const { jobId, shunyaCallId = null, jobType = null, companyId = null } = callback;
  if (callback.invalidReason || !jobId) return undefined;
  const id = randomUUID();
  const workflowId = analysisWorkflowIdSql(sql`job.subject_kind`, sql`job.subject_id`, sql`job.generation`);
  const stored = await executePrepared(
    db,
    sql`
    with job as (
      select j.id, j.company_id, j.subject_kind, j.subject_id, j.generation, c.shunya_company_id
      from shunya_jobs j join companies c on c.id = j.company_id
      where j.task_id = ${jobId}
        and j.shunya_call_id = coalesce(${shunyaCallId}::bigint, j.shunya_call_id)
        and j.kind = coalesce(${jobType}::text, j.kind)
      order by j.attempt desc, j.created_at desc limit 1
      for key share of j
    )
    insert into webhook_events (id, source, route, company_id, status, body, body_sha256, task_id, shunya_call_id, job_id,
      workflow_id)
    select ${id}, 'shunya', 'job', company_id, 'pending', ${body}::bytea, ${sha256(body)}, ${jobId}, ${shunyaCallId}::bigint, id,
      ${workflowId}
    from job
    where coalesce(${companyId}::text, company_id) in (company_id, shunya_company_id)
    on conflict do nothing
    returning id`,
  );
  return stored.length > 0 ? id : undefined;
}
