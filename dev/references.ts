import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** What documents and comments name must exist: files, links between documents with their headings, `npm run` scripts. */

const FOLDERS = ['src', 'dev', 'demo', 'simulators', 'test', 'bench', 'docs', 'drizzle'];
const FILE_IN_BACKTICKS = new RegExp(
  String.raw`\x60((?:${[...FOLDERS, 'console', String.raw`\.github`].join('|')})/[\w./*{},-]*[\w/*}])\x60`,
  'g',
);
const DOCUMENT_IN_CODE = /\b(docs\/[\w/-]+\.md)\b/g;
const LINK = /\]\(([^)\s]+)\)/g;
const SCRIPT = /\bnpm run ([a-z][\w:-]*)/g;

/** One line for each thing that is named and does not exist. */
export function findDeadReferences(root: string): string[] {
  const scripts = (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: object }).scripts;
  const found: string[] = [];
  const check = (file: string, text: string) => {
    for (const [, name = ''] of text.matchAll(SCRIPT))
      if (!(name in scripts)) found.push(`${file}: there is no script \`${name}\``);
    for (const [, name = ''] of text.matchAll(file.endsWith('.md') ? FILE_IN_BACKTICKS : DOCUMENT_IN_CODE))
      if (!/[*{]/.test(name) && !existsSync(path.join(root, name))) found.push(`${file}: there is no ${name}`);
  };
  for (const file of files(root, '.md')) {
    const text = readFileSync(path.join(root, file), 'utf8');
    check(file, text);
    for (const [, target = ''] of text.matchAll(LINK)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [name = '', anchor] = target.split('#');
      const linked = name === '' ? file : path.join(path.dirname(file), name);
      if (!existsSync(path.join(root, linked))) found.push(`${file}: there is no ${linked}`);
      else if (anchor && !headings(path.join(root, linked)).has(anchor))
        found.push(`${file}: ${linked} has no #${anchor}`);
    }
  }
  for (const file of [...files(root, '.ts'), ...files(root, '.mjs')])
    check(file, readFileSync(path.join(root, file), 'utf8'));
  return found;
}

/** Files with this ending, in the root folder and below the folders of ours; paths from the root. */
function files(root: string, ending: string): string[] {
  const below = FOLDERS.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => path.join(folder, name)),
  );
  return [...readdirSync(root), ...below].filter((name) => name.endsWith(ending) && !name.includes('node_modules'));
}

/** Ids of a document's headings, as they are made where documents are read. */
function headings(file: string): Set<string> {
  const titles = readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...titles].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, '')
        .trim()
        .replaceAll(/\s/g, '-'),
    ),
  );
}
