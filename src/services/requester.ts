/** Who asks a service for a change, and what they may reach. */
export interface Requester<CompanyId extends string | undefined = string | undefined> {
  actor: { userId: string; role: string };
  /** Undefined: every company. */
  companyId: CompanyId;
  /** Only what hangs on appointments of this rep; undefined: all of the company. */
  repId: string | undefined;
}

/** Throws where the row, as it is locked now, is not what the requester has read. */
export type Precondition = (row: { version?: number; updatedAt: Date }) => void;
