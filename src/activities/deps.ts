import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/client.ts';
import type { CallRailClient } from '../providers/callrail/client.ts';
import type { ShunyaClient } from '../providers/shunya/client.ts';
import type { WebhookClient } from '../providers/webhooks/client.ts';

export interface ActivityDeps {
  config: Config;
  db: Database;
  logger: Logger;
  shunya: ShunyaClient;
  callrail: CallRailClient;
  webhooks: WebhookClient;
  /** To be called after a commit that may have stored rings: the relay claims them now, not in its next round. */
  pokeRelay(): void;
}
