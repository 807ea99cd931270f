import type { Access } from './http/permissions.ts';

/** What travels with a request. */
export interface ApiEnv {
  Variables: {
    requestId: string;
    /** Set by routes with a permission, before their handler. */
    access: Access;
  };
}
