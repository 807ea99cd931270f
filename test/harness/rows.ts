/** Rows as the pipelines leave them, written straight to the database. Each takes only what its test is about. */
import { randomUUID } from 'node:crypto';
import type { Database } from '../../src/db/client.ts';
import {
  analysisRuns,
  appointments,
  callAnalyses,
  calls,
  callTranscripts,
  companies,
  contactCards,
  leads,
  recordingAnalyses,
  recordingSessions,
  users,
} from '../../src/db/schema/index.ts';
import type { Role } from '../../src/domain/user.ts';

type Insert<Table extends { $inferInsert: unknown }> = Partial<Table['$inferInsert']>;

/** Makers of rows of one company. */
export async function makeCompany(db: Database, company: Insert<typeof companies> = {}) {
  const companyId = company.id ?? `co-${randomUUID().slice(0, 8)}`;
  await db.insert(companies).values({ name: 'Test Plumbing', ...company, id: companyId });

  return {
    companyId,

    async user(id: string, role: Role, name = `Name of ${id}`) {
      await db.insert(users).values({ companyId, id, role, name });
      return id;
    },

    /** A contact with a lead; `phoneNumber: null` is an anonymous caller. */
    async lead(contact: Insert<typeof contactCards> = {}, lead: Insert<typeof leads> = {}) {
      const contactId = contact.id ?? randomUUID();
      const leadId = lead.id ?? randomUUID();
      await db.insert(contactCards).values({ ...contact, id: contactId, companyId });
      await db.insert(leads).values({ ...lead, id: leadId, companyId, contactId });
      return { contactId, leadId };
    },

    /** A completed, answered, inbound call that is done; with a contact and lead of its own unless named. */
    async call(call: Insert<typeof calls> = {}) {
      const id = call.id ?? randomUUID();
      const { contactId, leadId } =
        call.contactId && call.leadId ? { contactId: call.contactId, leadId: call.leadId } : await this.lead();
      const startedAt = call.startedAt ?? new Date();
      const row = {
        providerCallId: `CAL${id.slice(0, 8)}`,
        status: 'completed' as const,
        direction: 'inbound' as const,
        answered: true,
        startedAt,
        endedAt: startedAt,
        durationSeconds: 60,
        recordingUrl: 'https://api.callrail.com/recording.mp3',
        stage: 'done' as const,
        ...call,
        id,
        companyId,
        contactId,
        leadId,
      };
      await db.insert(calls).values(row);
      return row;
    },

    async analysis(callId: string, analysis: Insert<typeof callAnalyses> = {}) {
      await db.insert(callAnalyses).values({
        generation: 1,
        objections: [],
        stagesFollowed: [],
        stagesMissed: [],
        raw: {},
        ...analysis,
        id: randomUUID(),
        companyId,
        callId,
      });
    },

    async transcript(callId: string, transcriptText: string, generation = 1) {
      await db.insert(callTranscripts).values({
        id: randomUUID(),
        companyId,
        callId,
        generation,
        transcriptText,
        turns: [{ speaker: 'agent', text: transcriptText, startSeconds: 0, endSeconds: 1.5 }],
        language: 'en',
      });
    },

    async run(callId: string, run: Insert<typeof analysisRuns>) {
      const shunyaCallId = Math.floor(Math.random() * 2 ** 52);
      await db.insert(analysisRuns).values({
        generation: 1,
        recordingUrl: 'https://api.callrail.com/recording.mp3',
        shunyaCallId,
        ...run,
        companyId,
        subjectKind: 'call',
        subjectId: callId,
      });
    },

    async appointment(appointment: Insert<typeof appointments> = {}) {
      const id = appointment.id ?? randomUUID();
      const { contactId, leadId } =
        appointment.contactId && appointment.leadId
          ? { contactId: appointment.contactId, leadId: appointment.leadId }
          : await this.lead();
      await db.insert(appointments).values({ ...appointment, id, companyId, contactId, leadId });
      return id;
    },

    async visit(appointmentId: string, visit: Insert<typeof recordingSessions> = {}) {
      const id = visit.id ?? randomUUID();
      await db.insert(recordingSessions).values({
        startedBy: 'rep',
        status: 'completed',
        stage: 'done',
        ...visit,
        id,
        companyId,
        appointmentId,
      });
      return id;
    },

    async visitAnalysis(sessionId: string, analysis: Insert<typeof recordingAnalyses> = {}) {
      await db.insert(recordingAnalyses).values({
        generation: 1,
        objections: [],
        stagesFollowed: [],
        stagesMissed: [],
        raw: {},
        ...analysis,
        id: randomUUID(),
        companyId,
        sessionId,
      });
    },
  };
}

export type CompanyRows = Awaited<ReturnType<typeof makeCompany>>;
