/** Everything the worker can run. */
export { CallLifecycle } from './CallLifecycle.ts';
export { CallRailReconciliation } from './CallRailReconciliation.ts';
export { ShunyaAnalysis } from './ShunyaAnalysis.ts';
export { VisitRecording } from './VisitRecording.ts';
export { WebhookDelivery } from './WebhookDelivery.ts';
