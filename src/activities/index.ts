import { createDeliveryActivities } from './deliveries.ts';
import type { ActivityDeps } from './deps.ts';
import { withSafeFailures } from './failures.ts';
import { createOperatorActivities } from './operators.ts';
import { createPipelineActivities } from './pipelines.ts';
import { createReconciliationActivities } from './reconciliation.ts';
import { createShunyaActivities } from './shunya.ts';

/** Database steps, as local activities of the pipelines' own queue: milliseconds each, two seconds more where one submits a job. */
export const createDatabaseActivities = (deps: ActivityDeps) =>
  withSafeFailures(
    {
      ...createPipelineActivities(deps),
      ...createOperatorActivities(deps),
    },
    deps.logger,
  );

/** Calls to Shunya: regular activities, each kind on a queue of its own. */
export const createProviderActivities = (deps: ActivityDeps) =>
  withSafeFailures(createShunyaActivities(deps), deps.logger);

/** Reading CallRail's list of calls: minutes long, on a queue of its own. */
export const createCallRailActivities = (deps: Pick<ActivityDeps, 'db' | 'callrail' | 'logger'>) =>
  withSafeFailures(createReconciliationActivities(deps), deps.logger);

/** Webhooks to companies' endpoints: regular activities on a queue of their own. */
export const createWebhookActivities = (deps: Pick<ActivityDeps, 'db' | 'webhooks' | 'logger'>) =>
  withSafeFailures(createDeliveryActivities(deps), deps.logger);

export type DatabaseActivities = ReturnType<typeof createDatabaseActivities>;
export type ProviderActivities = ReturnType<typeof createProviderActivities>;
export type DeliveryActivities = ReturnType<typeof createWebhookActivities>;
export type ReconciliationActivities = ReturnType<typeof createCallRailActivities>;
