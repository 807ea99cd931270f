import { sql } from 'drizzle-orm';
import { doublePrecision, index, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { RecordingSessionStatus } from '../../domain/appointment.ts';
import { appointments } from './appointments.ts';
import { moment, pipelineColumns, timestamps, unfinished } from './columns.ts';
import { companies } from './companies.ts';

/** A sales rep's recording of a visit; workflow visit:{session_id}. */
export const recordingSessions = pgTable(
  'recording_sessions',
  {
    id: text('id').primaryKey(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    appointmentId: text('appointment_id')
      .notNull()
      .references(() => appointments.id),
    /** Who started it. */
    startedBy: text('started_by').notNull(),
    status: text('status').$type<RecordingSessionStatus>().notNull().default('recording'),
    startedAt: moment('started_at').notNull().defaultNow(),
    stoppedAt: moment('stopped_at'),
    audioUrl: text('audio_url'),
    /** Degrees, WGS 84, where the visit was started. */
    latitude: doublePrecision('latitude'),
    longitude: doublePrecision('longitude'),
    ...pipelineColumns,
    ...timestamps,
  },
  (table) => [
    // One open session per appointment.
    uniqueIndex('recording_sessions_open').on(table.appointmentId).where(sql`${table.status} = 'recording'`),
    // Retention looks for the oldest links to audio.
    index('recording_sessions_recorded').on(table.companyId, table.startedAt).where(sql`${table.audioUrl} is not null`),
    index('recording_sessions_appointment').on(table.appointmentId, table.startedAt),
    index('recording_sessions_unfinished').on(table.stageSince).where(unfinished(table)),
    index('recording_sessions_attention').on(table.companyId, table.needsAttention, table.stage),
  ],
);
