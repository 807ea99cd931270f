/** Everything the worker can run. */
export { CallLifecycle } from './CallLifecycle.ts';
export { ShunyaAnalysis } from './ShunyaAnalysis.ts';
export { VisitRecording } from './VisitRecording.ts';
