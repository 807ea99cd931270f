import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { VARIABLE_NAMES } from './config.ts';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const namesIn = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1] ?? '').sort();

/** Read by Temporal's own library, and by docker-compose.yml alone. */
const READ_ELSEWHERE = ['TEMPORAL_API_KEY', 'TEMPORAL_TLS_SERVER_NAME', 'POSTGRES_PASSWORD'];
const example = namesIn(read('.env.example'), /^(?:# )?([A-Z][A-Z0-9_]+)=/gm);

it('lists every variable that is read in .env.example, and no other', () => {
  expect(example).toEqual([...VARIABLE_NAMES, ...READ_ELSEWHERE].sort());
});

it('describes every variable in docs/configuration.md', () => {
  const docs = new Set(namesIn(read('docs/configuration.md'), /`([A-Z][A-Z0-9_]+)`/g));
  expect(example.filter((name) => !docs.has(name))).toEqual([]);
});

it('hands every variable to the containers of docker-compose.yml that means something there', () => {
  /** Of the image, of parts that are not in these containers, or of another Temporal than the one beside them. */
  const without =
    /^(HOST|PORT|DATA_DIR|DATABASE_URL|DATABASE_PORT|POSTGRES_\w+|SHUNYA_SIM_PORT|TEMPORAL_(DEV_PORT|UI_PORT|API_KEY|TLS\w*|CONFIG_FILE|PROFILE))$/;
  const [, service = ''] = /^x-service:.*?\n {2}environment:\n(.*?)\n\n/ms.exec(read('docker-compose.yml')) ?? [];
  expect(namesIn(service, /^ {4}([A-Z][A-Z0-9_]+):/gm)).toEqual(example.filter((name) => !without.test(name)));
});
