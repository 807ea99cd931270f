-- What calls are found by. Words stand in the index behind a key of their company and month, so that a search reads what one
-- company has of one month, however many others there are.

CREATE FUNCTION search_key(company text, month text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT left(md5(company), 8) || month;
$$;
--> statement-breakpoint
-- Words of a text: letters and digits of any script. The longest word there is, is cut.
CREATE FUNCTION words_said(said text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(array_agg(DISTINCT left(word, 40)), '{}')
  FROM regexp_split_to_table(lower(said), '[^[:alnum:]\u00c0-\u1fff\u2c00-\U0010fffd]+') AS word WHERE word <> '';
$$;
--> statement-breakpoint
CREATE FUNCTION words_named(named text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(array_agg(DISTINCT left(word, 40)), '{}') FROM regexp_split_to_table(lower(left(named, 200)), '\s+') AS word WHERE word <> '';
$$;
--> statement-breakpoint
-- A name or number is found by any part of it: every end of every word is a word, and any part is the beginning of one.
CREATE FUNCTION caller_words(name text, phone_number text, raw_number text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(array_agg(DISTINCT part), '{}') FROM (
    SELECT substr(word, n) AS part
      FROM unnest(words_named(coalesce(name, '') || ' ' || coalesce(raw_number, ''))) AS word, generate_series(1, length(word)) AS n
    UNION ALL
    SELECT substr(digits, n) FROM regexp_replace(coalesce(phone_number, ''), '\D', '', 'g') AS digits, generate_series(1, length(digits) - 2) AS n
  ) AS parts;
$$;
--> statement-breakpoint
CREATE FUNCTION index_call(call text, which text) RETURNS void LANGUAGE plpgsql AS $$
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
  key := search_key(row_of.company_id, to_char(row_of.started_at AT TIME ZONE 'UTC', 'YYYYMM')) || CASE which WHEN 'caller' THEN 'c' ELSE 't' END;
  INSERT INTO call_search (call_id, part, company_id, started_at, words)
    SELECT call, which, row_of.company_id, row_of.started_at, array_to_tsvector(array_agg(key || word)) FROM unnest(listed) AS word
    ON CONFLICT (call_id, part) DO UPDATE SET started_at = excluded.started_at, words = excluded.words;
END $$;
--> statement-breakpoint
CREATE FUNCTION quote_lexeme(lexeme text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT '''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || ''':*';
$$;
--> statement-breakpoint
-- All words of the search in one part of a call, each as the beginning of a word; or its digits within the number.
CREATE FUNCTION call_search_query(company text, months text[], search text) RETURNS tsquery LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(string_agg('(' || alternative || ')', ' | '), '')::tsquery
  FROM unnest(months) AS month, LATERAL (
    SELECT string_agg(quote_lexeme(search_key(company, month) || 't' || word), ' & ') AS alternative FROM unnest(words_said(search)) AS word
    UNION ALL
    SELECT string_agg(quote_lexeme(search_key(company, month) || 'c' || word), ' & ') FROM unnest(words_named(search)) AS word
    UNION ALL
    SELECT quote_lexeme(search_key(company, month) || 'c' || digits) FROM regexp_replace(search, '\D', '', 'g') AS digits
      WHERE length(digits) >= 3 AND search ~ '^[\d\s().+-]+$'
  ) AS alternatives WHERE alternative IS NOT NULL;
$$;
--> statement-breakpoint
CREATE FUNCTION index_calls_caller() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM index_call(NEW.id, 'caller');
  IF TG_OP = 'UPDATE' AND NEW.started_at <> OLD.started_at THEN
    PERFORM index_call(NEW.id, part) FROM (VALUES ('summary'), ('transcript')) AS other(part);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER calls_indexed AFTER INSERT ON calls FOR EACH ROW EXECUTE FUNCTION index_calls_caller();
--> statement-breakpoint
CREATE TRIGGER calls_indexed_again AFTER UPDATE ON calls
  FOR EACH ROW WHEN (ROW(OLD.started_at, OLD.contact_id, OLD.caller_number_raw) IS DISTINCT FROM ROW(NEW.started_at, NEW.contact_id, NEW.caller_number_raw))
  EXECUTE FUNCTION index_calls_caller();
--> statement-breakpoint
CREATE FUNCTION index_calls_of_contact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM index_call(id, 'caller') FROM calls WHERE contact_id = NEW.id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER contact_cards_indexed AFTER UPDATE ON contact_cards
  FOR EACH ROW WHEN (ROW(OLD.name, OLD.phone_number) IS DISTINCT FROM ROW(NEW.name, NEW.phone_number))
  EXECUTE FUNCTION index_calls_of_contact();
--> statement-breakpoint
-- The argument is the part that this table holds.
CREATE FUNCTION index_call_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM index_call(OLD.call_id, TG_ARGV[0]);
  ELSE
    PERFORM index_call(NEW.call_id, TG_ARGV[0]);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER call_analyses_indexed AFTER INSERT OR DELETE ON call_analyses
  FOR EACH ROW EXECUTE FUNCTION index_call_part('summary');
--> statement-breakpoint
CREATE TRIGGER call_analyses_indexed_again AFTER UPDATE ON call_analyses
  FOR EACH ROW WHEN (OLD.summary IS DISTINCT FROM NEW.summary) EXECUTE FUNCTION index_call_part('summary');
--> statement-breakpoint
CREATE TRIGGER call_transcripts_indexed AFTER INSERT OR DELETE ON call_transcripts
  FOR EACH ROW EXECUTE FUNCTION index_call_part('transcript');
--> statement-breakpoint
CREATE TRIGGER call_transcripts_indexed_again AFTER UPDATE ON call_transcripts
  FOR EACH ROW WHEN (OLD.transcript_text IS DISTINCT FROM NEW.transcript_text) EXECUTE FUNCTION index_call_part('transcript');
--> statement-breakpoint
INSERT INTO unfinished_fills (name) SELECT 'call_search' WHERE EXISTS (SELECT 1 FROM calls);
