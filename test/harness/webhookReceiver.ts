/** What a company runs to get our webhooks: verifies them as the Standard Webhooks specification says, by itself. */
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from './poll.ts';

export interface ReceivedWebhook {
  id: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects.
  body: any;
  /** Every secret one of whose signatures is on it. */
  signedBy(secret: string): boolean;
}

export type WebhookReceiver = Awaited<ReturnType<typeof startWebhookReceiver>>;

/** Starts it. `answers` are the statuses of the next requests; 200 after them. */
export async function startWebhookReceiver() {
  const received: ReceivedWebhook[] = [];
  const answers: number[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    const header = (name: string) => String(request.headers[name] ?? '');
    const content = `${header('webhook-id')}.${header('webhook-timestamp')}.${text}`;
    const age = Math.abs(Date.now() / 1000 - Number(header('webhook-timestamp')));
    received.push({
      id: header('webhook-id'),
      body: JSON.parse(text),
      signedBy(secret) {
        const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
        const expected = `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
        return age < 300 && header('webhook-signature').split(' ').includes(expected);
      },
    });
    response.writeHead(answers.shift() ?? 200).end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    received,
    answers,
    of: (subjectId: string) => received.filter(({ body }) => body.data.id === subjectId),

    /** The first one of a type that fits, once it has come. */
    until: (type: string, fits: (data: ReceivedWebhook['body']) => boolean = () => true, seconds = 30) =>
      eventually(() => {
        const found = received.find(({ body }) => body.type === type && fits(body.data));
        if (!found) throw new Error(`no such ${type} among ${JSON.stringify(received.map(({ body }) => body.type))}`);
        return found;
      }, seconds),

    stop: () =>
      new Promise<void>((stopped) => {
        server.close(() => stopped());
        server.closeAllConnections();
      }),
  };
}
