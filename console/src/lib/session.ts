/** Who is signed in. The token lives in this tab alone: in memory, and in sessionStorage so that a reload keeps it. */
import { useSyncExternalStore } from 'react';

export type SignInKind = 'oidc' | 'pasted' | 'local' | 'link';

export interface Session {
  token: string;
  kind: SignInKind;
  /** Set once the API has answered 401: the page stays as it is, and asks to sign in again. */
  expired: boolean;
}

const KEY = 'callwright.session';
const listeners = new Set<() => void>();
let current: Session | null = read();

export function getSession(): Session | null {
  return current;
}

export function setSession(session: { token: string; kind: SignInKind } | null): void {
  current = session && { ...session, expired: false };
  if (current) sessionStorage.setItem(KEY, JSON.stringify({ token: current.token, kind: current.kind }));
  else sessionStorage.removeItem(KEY);
  for (const listener of listeners) listener();
}

/** @param token of the request that was refused: an answer to an older one says nothing of the token by now */
export function expireSession(token: string): void {
  if (!current || current.expired || current.token !== token) return;
  current = { ...current, expired: true };
  for (const listener of listeners) listener();
}

export function useSession(): Session | null {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, getSession);
}

/** `/#token=…`, as the demo prints it: taken over, and removed from the address and the history entry. */
export function consumeTokenLink(): void {
  const match = /^#token=([\w-]+\.[\w-]+\.[\w-]+)/.exec(location.hash);
  if (!match?.[1]) return;
  history.replaceState(history.state, '', location.pathname + location.search);
  setSession({ token: match[1], kind: 'link' });
}

function read(): Session | null {
  try {
    const stored = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
    return typeof stored?.token === 'string' ? { token: stored.token, kind: stored.kind, expired: false } : null;
  } catch {
    return null;
  }
}
