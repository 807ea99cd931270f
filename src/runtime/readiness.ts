/** Whether the service can do its work, part by part. */
export interface Readiness {
  ready: boolean;
  /** `informative` ones do not decide `ready`. */
  parts: Record<string, { ok: boolean; reason?: string; informative?: boolean }>;
}
