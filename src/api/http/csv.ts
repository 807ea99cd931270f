/** Lists as CSV (RFC 4180), written page by page: a large one takes no more memory than a small one. */
import { stringify } from 'csv-stringify/sync';
import { DateTime } from 'luxon';

const BYTE_ORDER_MARK = '\uFEFF';

/** Rows of one query, and of one piece of the answer. */
export const CSV_PAGE_ROWS = 250;

type CsvValue = string | number | boolean | null;
/** A column: its name in the header row, and its value in a row. */
export type CsvColumn<Item> = readonly [name: string, value: (item: Item, file: CsvFile) => CsvValue];

/** What the cells of a file depend on beside their row. */
export interface CsvFile {
  /** The company's. */
  timeZone: string;
  /** Where the console is reached: what links begin with. */
  base: string;
  /** Whether it begins with a byte order mark, without which Excel reads UTF-8 as something else. */
  bom: boolean;
}

/** A moment as a spreadsheet reads it, in the company's time zone: `2026-03-14 09:00:00`. */
export const localTime = (iso: string | null, { timeZone }: CsvFile): string | null =>
  iso === null ? null : DateTime.fromISO(iso, { zone: timeZone }).toFormat('yyyy-MM-dd HH:mm:ss');

// A spreadsheet runs a cell that starts like this, also in full width.
const STARTS_FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;
const IS_NUMBER_OR_PHONE = /^(-?\d+(\.\d+)?|\+\d{1,15})$/;

/** The text of a cell; one that a spreadsheet would take for a formula gets a leading `'`. */
export function csvCell(value: CsvValue): string {
  const text = value === null ? '' : String(value);
  return STARTS_FORMULA.test(text) && !IS_NUMBER_OR_PHONE.test(text) ? `'${text}` : text;
}

/** Lines of CSV, each ended with CRLF. */
export const csvLines = (rows: string[][]): string =>
  // The library quotes only what holds the whole line end; half of one splits a line as well.
  stringify(rows, { record_delimiter: 'windows', quoted_match: /[\r\n]/ });

/**
 * Streams a CSV file.
 * @param options.readPage up to CSV_PAGE_ROWS rows after the one given; fewer are the last ones
 * @param options.onError told of a page that cannot be read once the answer has begun; the answer is then cut off
 * @returns the answer; rejects where the first page cannot be read, so that this can still be an error answer
 */
export async function csvResponse<Row, Item>(options: {
  name: string;
  file: CsvFile;
  columns: readonly CsvColumn<Item>[];
  view: (row: Row) => Item;
  readPage: (after: Row | undefined) => Promise<Row[]>;
  onError: (error: unknown) => void;
}): Promise<Response> {
  const { name, file, columns, view, readPage, onError } = options;
  const encoder = new TextEncoder();
  const encode = (rows: Row[]) =>
    encoder.encode(csvLines(rows.map(view).map((item) => columns.map(([, value]) => csvCell(value(item, file))))));
  let page = await readPage(undefined);

  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) =>
        controller.enqueue(
          encoder.encode((file.bom ? BYTE_ORDER_MARK : '') + csvLines([columns.map(([column]) => column)])),
        ),
      // Called when the reader has taken what is there: a slow one holds one page.
      async pull(controller) {
        if (page.length > 0) controller.enqueue(encode(page));
        if (page.length < CSV_PAGE_ROWS) return controller.close();
        try {
          page = await readPage(page.at(-1));
          if (page.length === 0) controller.close();
        } catch (error) {
          onError(error);
          controller.error(error);
        }
      },
    },
    { highWaterMark: 1 },
  );
  const headers = {
    'Content-Type': 'text/csv; charset=utf-8',
    'Content-Disposition': `attachment; filename="${name}.csv"`,
  };
  return new Response(body, { headers });
}
