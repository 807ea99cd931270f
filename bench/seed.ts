/** A database as after a year of work, made by the database itself: a company with many calls among many small ones. */
import type postgres from 'postgres';

/** The company whose reads are measured, and its people. */
export const BIG = { companyId: 'bench-big', csrs: 10, reps: 10 };
const OTHER_CALLS = 1000;
const TEMPLATES = 4000;
/** Distinct words of all transcripts, a few said in nearly every call and most in few. */
const VOCABULARY = 6000;
const WORDS = 150;

export interface SeedSize {
  /** Calls in all. */
  calls: number;
  /** Calls of the big company. */
  ofBig: number;
}

/** Fills an empty, migrated database. Triggers are off meanwhile: what they keep is written here, or filled afterwards. */
export async function seed(sql: postgres.Sql, size: SeedSize, say: (line: string) => void = () => {}): Promise<void> {
  const others = Math.ceil(Math.max(0, size.calls - size.ofBig) / OTHER_CALLS);
  const tables = ['calls', 'call_analyses', 'call_transcripts', 'contact_cards', 'leads', 'appointments'];
  const run = async (line: string, work: () => Promise<unknown>) => {
    const startedAt = performance.now();
    await work();
    say(`${line}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  };
  await sql`set statement_timeout = 0`;
  await sql`select setseed(0.42)`;
  for (const table of tables) await sql`alter table ${sql(table)} disable trigger user`;

  await sql`insert into companies (id, name) values (${BIG.companyId}, 'Big Roofing')`;
  await sql`insert into companies (id, name) select 'bench-' || n, 'Company ' || n from generate_series(1, ${others}) n`;
  await sql`insert into users (company_id, id, role, name)
    select c.id, r.prefix || n, r.role, initcap(r.prefix) || ' ' || n
    from companies c cross join (values ('csr', 'csr-'), ('sales_rep', 'rep-')) r(role, prefix)
      cross join generate_series(1, ${BIG.csrs}) n where c.id like 'bench-%'`;

  await sql`create temp table seeded as
    select n, case when n <= ${size.ofBig} then ${BIG.companyId} else 'bench-' || (1 + (n - ${size.ofBig} - 1) / ${OTHER_CALLS}) end as company_id,
      now() - interval '365 days' * (case when n <= ${size.ofBig} then 1 - n::float8 / ${size.ofBig}
        else 1 - ((n - ${size.ofBig} - 1) % ${OTHER_CALLS})::float8 / ${OTHER_CALLS} end) as at,
      random() as r1, random() as r2, random() as r3, random() as r4, gen_random_uuid()::text as id
    from generate_series(1, ${size.calls}) n`;
  // A fifth of the calls comes from somebody who has called before.
  await run('contacts and leads', async () => {
    await sql`insert into contact_cards (id, company_id, phone_number, name, created_at, updated_at)
      select 'contact-' || n, company_id, '+1' || (2000000000::bigint + (n::bigint * 7919) % 7999999999),
        (array['Anna','Ben','Carla','David','Elena','Frank','Grace','Hugo','Ida','John','Kate','Liam','Maria','Noah','Olga'])[1 + floor(r3 * 15)::int]
        || ' ' || (array['Abbott','Baker','Carter','Dixon','Ellis','Foster','Garcia','Hughes','Irwin','Johnson','Keller','Lopez','Miller','Nguyen','Ortiz','Parker','Quinn','Rivera','Smith','Turner'])[1 + floor(r4 * 20)::int]
        || case when n % 50 = 0 then ' ' || n else '' end, at, at
      from seeded where n % 5 <> 0`;
    await sql`insert into leads (id, company_id, contact_id, status, qualification, source, assigned_rep_id, created_at, updated_at)
      select 'lead-' || n, company_id, 'contact-' || n,
        (array['new','new','hot','warm','cold','unqualified','qualified_booked','qualified_booked','qualified_service_not_offered','closed_won','closed_lost'])[1 + floor(r1 * 11)::int],
        (array['hot','warm','cold','unqualified',null])[1 + floor(r2 * 5)::int], 'Google Ads',
        case when r4 < 0.3 then 'rep-' || (1 + floor(r3 * ${BIG.reps})::int) end, at, at
      from seeded where n % 5 <> 0`;
  });
  await run('calls', async () => {
    await sql`insert into calls (id, company_id, provider_call_id, status, direction, answered, started_at, ended_at, duration_seconds,
        tracking_number, contact_id, lead_id, csr_id, recording_url, stage, analysis_generation, qualification, booking_status,
        call_outcome_category, facet, created_at, updated_at)
      select id, company_id, 'CAL' || n, status, direction, answered, at, at + interval '3 minutes',
        case when answered then 30 + floor(r4 * 600)::int end, '+15550000000', 'contact-' || owner, 'lead-' || owner,
        case when answered then 'csr-' || (1 + floor(r4 * ${BIG.csrs})::int) end,
        case when answered then 'https://api.callrail.com/r/' || n end, stage, case when analyzed then 1 end, qualification, booking,
        null, call_facet(status, direction, stage, booking, qualification), at, at
      from (
        select *, case when not analyzed then null when qualification = 'unqualified' then 'not_booked'
            else (array['booked','booked','not_booked','service_not_offered'])[1 + floor(r3 * 4)::int] end as booking
        from (
          select *, case when n % 5 = 0 then n - 1 else n end as owner, status = 'completed' as answered,
            status = 'completed' and stage = 'done' as analyzed,
            case when status = 'completed' and stage = 'done'
              then (array['hot','warm','cold','unqualified'])[1 + floor(r2 * 4)::int] end as qualification
          from (
            select *, case when r1 < 0.7 then 'completed' when r1 < 0.85 then 'missed' when r1 < 0.93 then 'voicemail' else 'abandoned' end as status,
              case when r4 < 0.05 then 'outbound' else 'inbound' end as direction,
              case when r1 < 0.65 then 'done' when r1 < 0.70 then 'not_analyzable' else 'done' end as stage
            from seeded
          ) a
        ) b
      ) c`;
  });
  await run('analyses', async () => {
    await sql`insert into call_analyses (id, company_id, call_id, generation, qualification, booking_status, objections, compliance_score,
        stages_followed, stages_missed, sentiment_score, summary, raw, analyzed_at, created_at, updated_at)
      select 'analysis-' || c.provider_call_id, c.company_id, c.id, 1, c.qualification, c.booking_status,
        case when hashtext(c.id) % 3 = 0 then '[{"category":"price","text":"Too much","overcome":false,"severity":"high"}]'
          when hashtext(c.id) % 3 = 1 then '[{"category":"timing","text":"Next year","overcome":true,"severity":"low"}]' else '[]' end::jsonb,
        0.5 + (hashtext(c.id) % 50) / 100.0, '["greeting"]', '["closing"]', 0.6,
        'The caller asked about ' || (array['a leaking roof','storm damage','new gutters','a skylight','an estimate','financing'])[1 + abs(hashtext(c.id)) % 6]
          || ' on job ' || substr(c.provider_call_id, 4), '{}', c.started_at, c.started_at, c.started_at
      from calls c where c.analysis_generation = 1`;
    await sql`insert into call_objections (call_id, category, company_id, facet, started_at, csr_id)
      select c.id, a.objections -> 0 ->> 'category', c.company_id, c.facet, c.started_at, c.csr_id
      from call_analyses a join calls c on c.id = a.call_id where a.objections <> '[]'`;
  });
  await run('transcripts', async () => {
    await sql`create temp table template as
      select t, string_agg('w' || floor(${VOCABULARY} * power(random(), 3))::int, ' ') as said
      from generate_series(1, ${TEMPLATES}) t cross join generate_series(1, ${WORDS}) w group by t`;
    await sql`create index on template (t)`;
    await sql`insert into call_transcripts (id, company_id, call_id, generation, transcript_text, turns, language, created_at)
      select 'transcript-' || c.provider_call_id, c.company_id, c.id, 1,
        'Thank you for calling. ' || template.said || ' Your reference is ref' || substr(c.provider_call_id, 4), '[]', 'en', c.started_at
      from calls c join template on template.t = 1 + abs(hashtext(c.id)) % ${TEMPLATES} where c.analysis_generation = 1`;
  });
  await run('appointments', async () => {
    await sql`insert into appointments (id, company_id, lead_id, contact_id, call_id, scheduled_start, assigned_rep_id, location, service_type, status, outcome, created_at, updated_at)
      select 'appointment-' || provider_call_id, company_id, lead_id, contact_id, id,
        case when abs(hashtext(id)) % 10 > 0 then started_at + interval '5 days' end, 'rep-' || (1 + abs(hashtext(id)) % ${BIG.reps}), '1 Main St',
        'Roof repair', (array['scheduled','confirmed','completed','completed','cancelled','no_show'])[1 + abs(hashtext(id)) % 6],
        (array['pending','won','lost'])[1 + abs(hashtext(id)) % 3], started_at, started_at
      from calls where booking_status = 'booked'`;
  });
  for (const table of tables) await sql`alter table ${sql(table)} enable trigger user`;
}

/**
 * The words of all calls, or of the big company's, as the triggers write them; the index is made afterwards, which takes a
 * fraction of the time.
 */
export async function seedWords(sql: postgres.Sql, whose: 'all' | 'big'): Promise<void> {
  const companies = whose === 'big' ? sql`where company_id = ${BIG.companyId}` : sql``;
  const [index] = await sql`select indexdef from pg_indexes where indexname = 'call_search_words'`;
  await sql`drop index call_search_words`;
  await sql`create temp table said as select t, words_said('Thank you for calling. ' || said || ' Your reference is') as words from template`;
  await sql`create index on said (t)`;
  // Company by company in the order of their start, as calls come.
  await sql`insert into call_search (call_id, part, company_id, started_at, words)
    select id, part, company_id, started_at,
      array_to_tsvector(array(select week || case part when 'caller' then 'c' else 't' end || word from unnest(words) as word))
    from (select id, company_id, started_at, contact_id, analysis_generation, provider_call_id from calls
        ${companies} order by company_id, started_at, id) as c
      cross join lateral (select search_key(company_id, search_week(started_at)) as week offset 0) as key
      cross join lateral (
        select 'caller' as part, caller_words(name, phone_number, null) as words from contact_cards where id = c.contact_id
        union all
        select 'summary', words_said(summary) from call_analyses where call_id = c.id
        union all
        select 'transcript', words || ('ref' || substr(c.provider_call_id, 4)) from said
          where c.analysis_generation = 1 and t = 1 + abs(hashtext(c.id)) % ${TEMPLATES}
      ) as parts`;
  await sql`set maintenance_work_mem = '512MB'`;
  await sql.unsafe(index?.indexdef);
}
