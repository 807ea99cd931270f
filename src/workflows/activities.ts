/** The activities as workflows see them, with the retry profiles of the whole service. */
import * as wf from '@temporalio/workflow';
import type {
  DatabaseActivities,
  DeliveryActivities,
  ProviderActivities,
  ReconciliationActivities,
} from '../activities/index.ts';
import { PROVIDER_FAILURE, STEP_FAILURE } from '../domain/stepFailures.ts';
import { callrailQueue, deliveryQueue, shunyaReadQueue, shunyaSubmitQueue } from './contracts.ts';

/**
 * Database steps. Few quick tries for a dropped connection; then the workflow says that it is blocked and goes on trying.
 */
export const database = wf.proxyLocalActivities<DatabaseActivities>({
  startToCloseTimeout: '20s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumAttempts: 4 },
});

/** Just above the provider's own time-out of 30 s, so that a killed worker's exchange is repeated soon. */
const EXCHANGE_TIMEOUT = '40s';

/** Fairness by company: the backlog of one does not delay the others. */
const priorityOf = (companyId: string) => ({ fairnessKey: companyId.slice(0, 64) });

/** One exchange, one try: the workflow decides when the next is due. */
export const submits = (companyId: string) =>
  wf.proxyActivities<ProviderActivities>({
    taskQueue: shunyaSubmitQueue(wf.workflowInfo().taskQueue),
    startToCloseTimeout: EXCHANGE_TIMEOUT,
    retry: { maximumAttempts: 1 },
    priority: priorityOf(companyId),
  });

/** Asks until the job is finished: the activity's own retry is the poll, so that waiting costs no history. */
export const reads = (companyId: string, pollSeconds: number) =>
  wf.proxyActivities<ProviderActivities>({
    taskQueue: shunyaReadQueue(wf.workflowInfo().taskQueue),
    startToCloseTimeout: EXCHANGE_TIMEOUT,
    retry: {
      initialInterval: pollSeconds * 1000,
      backoffCoefficient: 1,
      nonRetryableErrorTypes: [PROVIDER_FAILURE, STEP_FAILURE],
    },
    cancellationType: wf.ActivityCancellationType.TRY_CANCEL,
    priority: priorityOf(companyId),
  });

/** Which companies are to be compared with CallRail's list: tried until the database answers. */
export const reconciliations = () =>
  wf.proxyActivities<Pick<ReconciliationActivities, 'listReconciliations'>>({
    taskQueue: callrailQueue(wf.workflowInfo().taskQueue),
    startToCloseTimeout: '30s',
    retry: { initialInterval: '5s', maximumInterval: '1m' },
  });

/** One company's list, page by page. A few tries within minutes; what is left then has its turn with the next run. */
export const reconcile = () =>
  wf.proxyActivities<Pick<ReconciliationActivities, 'reconcileCompany'>>({
    taskQueue: callrailQueue(wf.workflowInfo().taskQueue),
    startToCloseTimeout: '1h',
    scheduleToCloseTimeout: '2h',
    heartbeatTimeout: '2m',
    retry: { initialInterval: '15s', backoffCoefficient: 4, maximumAttempts: 4 },
  });

/** One POST to a company's endpoint. What fails here is our own side: a receiver that refuses is an answer, no failure. */
export const deliveries = (companyId: string) =>
  wf.proxyActivities<DeliveryActivities>({
    taskQueue: deliveryQueue(wf.workflowInfo().taskQueue),
    startToCloseTimeout: '25s',
    retry: { initialInterval: '2s', backoffCoefficient: 2, maximumInterval: '1 minute' },
    priority: priorityOf(companyId),
  });
