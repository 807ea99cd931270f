import type { IncomingMessage } from 'node:http';
import type { Access } from './http/permissions.ts';

/** What travels with a request. */
export interface ApiEnv {
  /** Of a request that came over a socket. */
  Bindings: { incoming?: IncomingMessage };
  Variables: {
    requestId: string;
    /** The bytes of the body as they came; read once, within the limits of time and size. */
    readBody: () => Promise<Buffer>;
    /** Set by routes with a permission, before their handler. */
    access: Access;
  };
}
