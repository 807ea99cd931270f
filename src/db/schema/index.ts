/** All tables; drizzle-kit generates migrations from here. */
export * from './analysisRuns.ts';
export * from './appointments.ts';
export * from './callAnalyses.ts';
export * from './callrail.ts';
export * from './calls.ts';
export * from './callTranscripts.ts';
export * from './companies.ts';
export * from './contactCards.ts';
export * from './leads.ts';
export * from './operations.ts';
export * from './recordingAnalyses.ts';
export * from './recordingSessions.ts';
export * from './shunyaJobs.ts';
export * from './trackingNumbers.ts';
export * from './users.ts';
export * from './webhookEvents.ts';
