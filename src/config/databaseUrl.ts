/** Where Postgres is: connection strings as hosting companies print them, or the pieces, as the driver takes them. */

/** What of `sslmode` and of other drivers' words for it the driver understands. */
const SSL_MODES: Record<string, string> = {
  disable: 'disable',
  allow: 'allow',
  prefer: 'prefer',
  require: 'require',
  'no-verify': 'require',
  // The driver checks the name too.
  'verify-ca': 'verify-full',
  'verify-full': 'verify-full',
};

/** Settings of the server, which are sent to it, and what the driver itself reads. */
const KEPT = [
  'client_encoding',
  'datestyle',
  'idle_in_transaction_session_timeout',
  'intervalstyle',
  'lock_timeout',
  'options',
  'search_path',
  'sslnegotiation',
  'statement_timeout',
  'target_session_attrs',
  'timezone',
];

/** Of libpq's own working, or of another driver's pool: they change nothing of what is asked of the server. */
const DROPPED = [
  'application_name',
  'channel_binding',
  'connect_timeout',
  'connection_limit',
  'fallback_application_name',
  'gssdelegation',
  'gssencmode',
  'gsslib',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'krbsrvname',
  'load_balance_hosts',
  'max_protocol_version',
  'min_protocol_version',
  'pool_timeout',
  'require_auth',
  'socket_timeout',
  'ssl_max_protocol_version',
  'ssl_min_protocol_version',
  'sslcompression',
  'sslsni',
  'statement_cache_size',
  'supa',
  'tcp_user_timeout',
  'uselibpqcompat',
];

/** @returns the string with only what the driver takes; or, in words, what is wrong with it, never a value */
export function readDatabaseUrl(text: string): { url: string } | { problem: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['postgres:', 'postgresql:'].includes(url.protocol) || !isDecodable(url)) {
    return {
      problem:
        'must be a postgres:// URL with special characters of its password percent-encoded; ' +
        'or give DATABASE_HOST, DATABASE_USER, DATABASE_PASSWORD and DATABASE_NAME in its place',
    };
  }
  const given = [...url.searchParams];
  url.search = '';
  for (const [name, value] of given) {
    const problem = readParameter(url.searchParams, name, value);
    if (problem) return { problem: `has the parameter ${name.slice(0, 64)}, which ${problem}` };
  }
  return { url: url.href };
}

function readParameter(kept: URLSearchParams, name: string, value: string): string | undefined {
  const key = name.toLowerCase();
  const is = (...words: string[]) => words.includes(value.toLowerCase());
  if (KEPT.includes(key) || /^[a-z_]\w*\.\w+$/.test(key)) kept.set(key, value);
  else if (DROPPED.includes(key)) return undefined;
  else if (key === 'sslmode' || key === 'ssl') {
    const mode = key === 'sslmode' ? SSL_MODES[value] : is('false', '0', 'disable') ? 'disable' : 'require';
    if (!mode) return `must be one of ${Object.keys(SSL_MODES).join(', ')}`;
    kept.set('sslmode', mode);
  } else if (key === 'sslrootcert') {
    if (value !== 'system')
      return 'is not supported: name the file in NODE_EXTRA_CA_CERTS, and use sslmode=verify-full';
    kept.set('sslmode', 'verify-full');
  } else if (key === 'pgbouncer' || key === 'prepare' || key === 'prepared_statements') {
    const isPooler = key === 'pgbouncer' ? is('true', '1') : is('false', '0', 'disable');
    if (isPooler) return 'is not supported: take the direct address of Postgres, or of a pooler in session mode';
  } else if (key === 'schema' || key === 'currentschema') {
    if (value !== 'public') return 'must be public';
  } else return 'is not supported';
  return undefined;
}

/** The driver decodes them, and throws where they are no percent-encoding. */
function isDecodable({ username, password, pathname }: URL): boolean {
  try {
    for (const part of [username, password, pathname]) decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

export interface DatabaseParts {
  host: string;
  port: number;
  user: string;
  password: string | undefined;
  name: string;
}

/** The connection string of its pieces, each as it is: a generated password holds anything. */
export function databaseUrlOf({ host, port, user, password, name }: DatabaseParts): string {
  const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`;
  const address = host.includes(':') ? `[${host}]` : host;
  return `postgres://${encodeURIComponent(user)}${secret}@${address}:${port}/${encodeURIComponent(name)}`;
}
