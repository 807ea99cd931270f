-- Words stand behind a key of their company and week in place of month, so that a search for a frequent word reads what was
-- said in one week. All calls are indexed again; until a company's are, its searches read the calls themselves.

CREATE FUNCTION search_week(at timestamptz) RETURNS int LANGUAGE sql STABLE AS $$
  SELECT floor(extract(epoch from at) / 604800)::int;
$$;
--> statement-breakpoint
CREATE FUNCTION search_week_start(week int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
  SELECT to_timestamp(week * 604800.0::float8);
$$;
--> statement-breakpoint
CREATE FUNCTION search_key(company text, week int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT left(md5(company), 8) || week;
$$;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION index_call(call text, which text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  row_of record;
  listed text[];
  key text;
BEGIN
  SELECT c.company_id, c.started_at, c.caller_number_raw, k.name, k.phone_number INTO row_of
    FROM calls c JOIN contact_cards k ON k.id = c.contact_id WHERE c.id = call;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF which = 'caller' THEN
    listed := caller_words(row_of.name, row_of.phone_number, row_of.caller_number_raw);
  ELSIF which = 'summary' THEN
    listed := words_said((SELECT summary FROM call_analyses WHERE call_id = call ORDER BY generation DESC LIMIT 1));
  ELSE
    listed := words_said((SELECT transcript_text FROM call_transcripts WHERE call_id = call ORDER BY generation DESC LIMIT 1));
  END IF;
  IF listed = '{}' THEN
    DELETE FROM call_search WHERE call_id = call AND part = which;
    RETURN;
  END IF;
  key := search_key(row_of.company_id, search_week(row_of.started_at)) || CASE which WHEN 'caller' THEN 'c' ELSE 't' END;
  INSERT INTO call_search (call_id, part, company_id, started_at, words)
    SELECT call, which, row_of.company_id, row_of.started_at, array_to_tsvector(array_agg(key || word)) FROM unnest(listed) AS word
    ON CONFLICT (call_id, part) DO UPDATE SET started_at = excluded.started_at, words = excluded.words;
END $$;
--> statement-breakpoint
DROP FUNCTION call_search_query(text, text[], text);
--> statement-breakpoint
DROP FUNCTION search_key(text, text);
--> statement-breakpoint
-- All words of the search in one part of a call, each as the beginning of a word; or its digits within the number. It is a
-- tsquery once chr(1) is replaced by a key.
CREATE FUNCTION call_search_query(search text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(string_agg('(' || alternative || ')', ' | '), '')
  FROM (
    SELECT string_agg(quote_lexeme(chr(1) || 't' || word), ' & ') AS alternative FROM unnest(words_said(search)) AS word
    UNION ALL
    SELECT string_agg(quote_lexeme(chr(1) || 'c' || word), ' & ') FROM unnest(words_named(replace(search, chr(1), ' '))) AS word
    UNION ALL
    SELECT quote_lexeme(chr(1) || 'c' || digits) FROM regexp_replace(search, '\D', '', 'g') AS digits
      WHERE length(digits) >= 3 AND search ~ '^[\d\s().+-]+$'
  ) AS alternatives WHERE alternative IS NOT NULL;
$$;
--> statement-breakpoint
INSERT INTO unfinished_fills (name) SELECT 'call_search' WHERE EXISTS (SELECT 1 FROM calls)
  ON CONFLICT (name) DO UPDATE SET position = '';
