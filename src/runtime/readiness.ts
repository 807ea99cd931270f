/** Whether the service can do its work, part by part. */
export interface Readiness {
  ready: boolean;
  parts: Record<string, { ok: boolean; reason?: string }>;
}
