/** Webhook handlers that hang: answered 503 in time, but still at work, each holding its body and a place at the database. */

/** Beyond this many of one sender the database is away, and more would only fill the memory. */
export const HANGING_MAX = 500;

export interface HandlerLoad {
  hanging: number;
  readonly hangingMax: number;
}

export type WebhookLoad = Record<'callrail' | 'shunya', HandlerLoad>;

export const createHandlerLoad = (hangingMax = HANGING_MAX): HandlerLoad => ({ hanging: 0, hangingMax });

export const createWebhookLoad = (): WebhookLoad => ({ callrail: createHandlerLoad(), shunya: createHandlerLoad() });

/** Whether so many hang that every further webhook is refused. */
export const isSaturated = ({ hanging, hangingMax }: HandlerLoad): boolean => hanging >= hangingMax;
