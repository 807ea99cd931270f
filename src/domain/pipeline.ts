/** Stages of a pipeline, one per call or visit. */

export const PIPELINE_STAGES = [
  'awaiting_end',
  'awaiting_recording',
  'transcribing',
  'analyzing',
  'applying',
  'done',
  'not_analyzable',
  'failed',
] as const;
export type PipelineStage = (typeof PIPELINE_STAGES)[number];

export const FINAL_STAGES = ['done', 'not_analyzable', 'failed'] as const satisfies readonly PipelineStage[];
export const isFinalStage = (stage: PipelineStage): boolean => (FINAL_STAGES as readonly string[]).includes(stage);

export const SUBJECT_KINDS = ['call', 'visit'] as const;
export type SubjectKind = (typeof SUBJECT_KINDS)[number];

export const JOB_KINDS = ['transcription', 'analysis'] as const;
export type JobKind = (typeof JOB_KINDS)[number];

/** The stage of a pipeline while such a job is next or under way. */
export const stageOfJob = (kind: JobKind) => (kind === 'transcription' ? 'transcribing' : 'analyzing');

/** The stages in which an analysis is under way. */
export const ANALYSIS_STAGES: readonly PipelineStage[] = JOB_KINDS.map(stageOfJob);
export const isAnalysisStage = (stage: PipelineStage): boolean => ANALYSIS_STAGES.includes(stage);

/** What a pipeline can be blocked on: the value of the search attribute BlockedOn and of `blocked_on`. */
export const BLOCKERS = [
  'database',
  'shunya_transcription',
  'shunya_analysis',
  'callrail_recording',
  'overdue',
] as const;
export type Blocker = (typeof BLOCKERS)[number];

/** Why an input can never be analyzed, or why a pipeline was given up. */
export const NOT_ANALYZABLE_REASONS = [
  'no_recording_in_time',
  'no_speech',
  'recording_host_not_allowed',
  'refused_by_shunya',
  'visit_never_stopped',
] as const;
export type NotAnalyzableReason = (typeof NOT_ANALYZABLE_REASONS)[number];
