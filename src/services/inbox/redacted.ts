/** What stays of an event of something deleted: that it came. */
export const REDACTED = {
  body: Buffer.alloc(0),
  signature: null,
  trackingNumber: null,
  callerNumber: null,
  status: 'applied' as const,
  reason: 'call_deleted',
};
