CREATE TABLE "analysis_runs" (
	"company_id" text NOT NULL,
	"subject_kind" text NOT NULL,
	"subject_id" text NOT NULL,
	"generation" integer NOT NULL,
	"shunya_call_id" bigint NOT NULL,
	"recording_url" text NOT NULL,
	"state" text DEFAULT 'running' NOT NULL,
	"reason" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"applied_at" timestamp (3) with time zone,
	CONSTRAINT "analysis_runs_subject_kind_subject_id_generation_pk" PRIMARY KEY("subject_kind","subject_id","generation"),
	CONSTRAINT "analysis_runs_shunya_call_id" UNIQUE("shunya_call_id")
);
--> statement-breakpoint
CREATE TABLE "appointments" (
	"id" text PRIMARY KEY NOT NULL,
	"company_id" text NOT NULL,
	"lead_id" text NOT NULL,
	"contact_id" text NOT NULL,
	"call_id" text,
	"scheduled_start" timestamp (3) with time zone,
	"duration_minutes" integer DEFAULT 60 NOT NULL,
	"assigned_rep_id" text,
	"location" text,
	"service_type" text,
	"status" text DEFAULT 'scheduled' NOT NULL,
	"outcome" text DEFAULT 'pending' NOT NULL,
	"outcome_by_person" boolean DEFAULT false NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "call_analyses" (
	"id" text PRIMARY KEY NOT NULL,
	"company_id" text NOT NULL,
	"call_id" text NOT NULL,
	"generation" integer NOT NULL,
	"qualification" text,
	"booking_status" text,
	"call_outcome_category" text,
	"objections" jsonb NOT NULL,
	"compliance_score" double precision,
	"stages_followed" jsonb NOT NULL,
	"stages_missed" jsonb NOT NULL,
	"sentiment_score" double precision,
	"summary" text,
	"appointment_date" text,
	"appointment_location" text,
	"service_requested" text,
	"assigned_rep_id" text,
	"raw" jsonb NOT NULL,
	"human_fields" text[] DEFAULT '{}' NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"edited" boolean DEFAULT false NOT NULL,
	"analyzed_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "call_transcripts" (
	"id" text PRIMARY KEY NOT NULL,
	"company_id" text NOT NULL,
	"call_id" text NOT NULL,
	"generation" integer NOT NULL,
	"transcript_text" text NOT NULL,
	"turns" jsonb NOT NULL,
	"language" text,
	"confidence" double precision,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "callrail_accounts" (
	"account_id" text PRIMARY KEY NOT NULL,
	"hour" timestamp (3) with time zone NOT NULL,
	"hour_requests" integer NOT NULL,
	"day" timestamp (3) with time zone NOT NULL,
	"day_requests" integer NOT NULL,
	"blocked_until" timestamp (3) with time zone,
	"refusals" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "callrail_backfills" (
	"company_id" text NOT NULL,
	"from_date" date NOT NULL,
	"to_date" date NOT NULL,
	"position" timestamp (3) with time zone NOT NULL,
	"listed" integer DEFAULT 0 NOT NULL,
	"fed" integer DEFAULT 0 NOT NULL,
	"started_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp (3) with time zone,
	CONSTRAINT "callrail_backfills_company_id_from_date_to_date_pk" PRIMARY KEY("company_id","from_date","to_date")
);
--> statement-breakpoint
CREATE TABLE "callrail_reconciliations" (
	"company_id" text PRIMARY KEY NOT NULL,
	"reconciled_until" timestamp (3) with time zone,
	"last_run_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_error" text,
	"failures" integer DEFAULT 0 NOT NULL,
	"fed" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "calls" (
	"id" text PRIMARY KEY NOT NULL,
	"company_id" text NOT NULL,
	"provider_call_id" text NOT NULL,
	"status" text NOT NULL,
	"direction" text NOT NULL,
	"answered" boolean NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"duration_seconds" integer,
	"tracking_number" text,
	"caller_number_raw" text,
	"contact_id" text NOT NULL,
	"lead_id" text NOT NULL,
	"csr_id" text,
	"recording_url" text,
	"stage" text DEFAULT 'awaiting_end' NOT NULL,
	"stage_since" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"needs_attention" boolean DEFAULT false NOT NULL,
	"blocked_on" text,
	"blocked_since" timestamp (3) with time zone,
	"attempts" integer DEFAULT 0 NOT NULL,
	"reason" text,
	"pipeline_updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"generation" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "changes" (
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"id" bigserial NOT NULL,
	"company_id" text NOT NULL,
	"kind" text NOT NULL,
	"subject_id" text NOT NULL,
	"operation" text NOT NULL,
	"former_rep_id" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "changes_xid_id_pk" PRIMARY KEY("xid","id")
);
--> statement-breakpoint
CREATE TABLE "companies" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"time_zone" text DEFAULT 'America/New_York' NOT NULL,
	"callrail_company_id" text,
	"callrail_signing_keys" text[] DEFAULT '{}' NOT NULL,
	"callrail_account_id" text,
	"callrail_api_key" text,
	"shunya_company_id" text,
	"is_demo" boolean DEFAULT false NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "contact_cards" (
	"id" text PRIMARY KEY NOT NULL,
	"company_id" text NOT NULL,
	"phone_number" text,
	"name" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "leads" (
	"id" text PRIMARY KEY NOT NULL,
	"company_id" text NOT NULL,
	"contact_id" text NOT NULL,
	"status" text DEFAULT 'new' NOT NULL,
	"qualification" text,
	"source" text,
	"assigned_rep_id" text,
	"notes" text,
	"status_set_at" timestamp (3) with time zone,
	"version" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_log" (
	"id" text PRIMARY KEY NOT NULL,
	"sequence" bigserial NOT NULL,
	"company_id" text,
	"actor_id" text NOT NULL,
	"actor_role" text NOT NULL,
	"action" text NOT NULL,
	"subject_kind" text NOT NULL,
	"subject_id" text NOT NULL,
	"reason" text,
	"details" jsonb,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "call_tombstones" (
	"company_id" text NOT NULL,
	"provider_call_id" text NOT NULL,
	"deleted_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "call_tombstones_company_id_provider_call_id_pk" PRIMARY KEY("company_id","provider_call_id")
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"company_id" text NOT NULL,
	"user_id" text NOT NULL,
	"route" text NOT NULL,
	"key" text NOT NULL,
	"body_sha256" text NOT NULL,
	"status" integer,
	"answer" jsonb,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_company_id_user_id_route_key_pk" PRIMARY KEY("company_id","user_id","route","key")
);
--> statement-breakpoint
CREATE TABLE "job_tombstones" (
	"company_id" text NOT NULL,
	"shunya_call_id" bigint NOT NULL,
	"task_id" text DEFAULT '' NOT NULL,
	"deleted_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "job_tombstones_shunya_call_id_task_id_pk" PRIMARY KEY("shunya_call_id","task_id")
);
--> statement-breakpoint
CREATE TABLE "worker_heartbeats" (
	"worker_id" text PRIMARY KEY NOT NULL,
	"task_queue" text NOT NULL,
	"beat_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "webhook_deliveries" (
	"id" text PRIMARY KEY NOT NULL,
	"sequence" bigserial NOT NULL,
	"company_id" text NOT NULL,
	"endpoint_id" text NOT NULL,
	"event_type" text NOT NULL,
	"subject_id" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"last_status" integer,
	"last_error" text,
	"last_attempt_at" timestamp (3) with time zone,
	"next_attempt_at" timestamp (3) with time zone DEFAULT now(),
	"delivered_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "webhook_endpoints" (
	"id" text PRIMARY KEY NOT NULL,
	"company_id" text NOT NULL,
	"url" text NOT NULL,
	"description" text,
	"events" text[] NOT NULL,
	"secret" text NOT NULL,
	"previous_secret" text,
	"previous_secret_until" timestamp (3) with time zone,
	"enabled" boolean DEFAULT true NOT NULL,
	"disabled_reason" text,
	"version" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "recording_analyses" (
	"id" text PRIMARY KEY NOT NULL,
	"company_id" text NOT NULL,
	"session_id" text NOT NULL,
	"generation" integer NOT NULL,
	"outcome" text,
	"objections" jsonb NOT NULL,
	"compliance_score" double precision,
	"stages_followed" jsonb NOT NULL,
	"stages_missed" jsonb NOT NULL,
	"sentiment_score" double precision,
	"summary" text,
	"raw" jsonb NOT NULL,
	"analyzed_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "recording_transcripts" (
	"id" text PRIMARY KEY NOT NULL,
	"company_id" text NOT NULL,
	"session_id" text NOT NULL,
	"generation" integer NOT NULL,
	"transcript_text" text NOT NULL,
	"turns" jsonb NOT NULL,
	"language" text,
	"confidence" double precision,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "recording_sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"company_id" text NOT NULL,
	"appointment_id" text NOT NULL,
	"started_by" text NOT NULL,
	"status" text DEFAULT 'recording' NOT NULL,
	"started_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"stopped_at" timestamp (3) with time zone,
	"audio_url" text,
	"latitude" double precision,
	"longitude" double precision,
	"stage" text DEFAULT 'awaiting_end' NOT NULL,
	"stage_since" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"needs_attention" boolean DEFAULT false NOT NULL,
	"blocked_on" text,
	"blocked_since" timestamp (3) with time zone,
	"attempts" integer DEFAULT 0 NOT NULL,
	"reason" text,
	"pipeline_updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"generation" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "shunya_jobs" (
	"id" text PRIMARY KEY NOT NULL,
	"company_id" text NOT NULL,
	"subject_kind" text NOT NULL,
	"subject_id" text NOT NULL,
	"generation" integer NOT NULL,
	"kind" text NOT NULL,
	"attempt" integer DEFAULT 1 NOT NULL,
	"state" text NOT NULL,
	"idempotency_key" text NOT NULL,
	"shunya_call_id" bigint NOT NULL,
	"audio_url" text,
	"task_id" text,
	"failures" integer DEFAULT 0 NOT NULL,
	"error_code" text,
	"error_at" timestamp (3) with time zone,
	"retryable" text,
	"submitted_at" timestamp (3) with time zone,
	"finished_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "shunya_jobs_idempotency_key" UNIQUE("idempotency_key")
);
--> statement-breakpoint
CREATE TABLE "tracking_numbers" (
	"phone_number" text PRIMARY KEY NOT NULL,
	"company_id" text NOT NULL,
	"label" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "users" (
	"company_id" text NOT NULL,
	"id" text NOT NULL,
	"role" text NOT NULL,
	"name" text NOT NULL,
	"email" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "users_company_id_id_pk" PRIMARY KEY("company_id","id")
);
--> statement-breakpoint
CREATE TABLE "webhook_events" (
	"id" text PRIMARY KEY NOT NULL,
	"sequence" bigserial NOT NULL,
	"source" text NOT NULL,
	"route" text NOT NULL,
	"company_id" text,
	"status" text NOT NULL,
	"reason" text,
	"body" "bytea" NOT NULL,
	"body_sha256" text NOT NULL,
	"signature" text,
	"provider_call_id" text,
	"tracking_number" text,
	"callrail_company_id" text,
	"task_id" text,
	"shunya_call_id" bigint,
	"job_kind" text,
	"job_id" text,
	"workflow_id" text,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_ring_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"received_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"dispatched_at" timestamp (3) with time zone,
	"applied_at" timestamp (3) with time zone
);
--> statement-breakpoint
ALTER TABLE "analysis_runs" ADD CONSTRAINT "analysis_runs_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "appointments" ADD CONSTRAINT "appointments_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "appointments" ADD CONSTRAINT "appointments_lead_id_leads_id_fk" FOREIGN KEY ("lead_id") REFERENCES "public"."leads"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "appointments" ADD CONSTRAINT "appointments_contact_id_contact_cards_id_fk" FOREIGN KEY ("contact_id") REFERENCES "public"."contact_cards"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "appointments" ADD CONSTRAINT "appointments_call_id_calls_id_fk" FOREIGN KEY ("call_id") REFERENCES "public"."calls"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "call_analyses" ADD CONSTRAINT "call_analyses_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "call_analyses" ADD CONSTRAINT "call_analyses_call_id_calls_id_fk" FOREIGN KEY ("call_id") REFERENCES "public"."calls"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "call_transcripts" ADD CONSTRAINT "call_transcripts_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "call_transcripts" ADD CONSTRAINT "call_transcripts_call_id_calls_id_fk" FOREIGN KEY ("call_id") REFERENCES "public"."calls"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "callrail_backfills" ADD CONSTRAINT "callrail_backfills_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "callrail_reconciliations" ADD CONSTRAINT "callrail_reconciliations_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "calls" ADD CONSTRAINT "calls_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "calls" ADD CONSTRAINT "calls_contact_id_contact_cards_id_fk" FOREIGN KEY ("contact_id") REFERENCES "public"."contact_cards"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "calls" ADD CONSTRAINT "calls_lead_id_leads_id_fk" FOREIGN KEY ("lead_id") REFERENCES "public"."leads"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "contact_cards" ADD CONSTRAINT "contact_cards_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "leads" ADD CONSTRAINT "leads_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "leads" ADD CONSTRAINT "leads_contact_id_contact_cards_id_fk" FOREIGN KEY ("contact_id") REFERENCES "public"."contact_cards"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ADD CONSTRAINT "webhook_deliveries_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ADD CONSTRAINT "webhook_deliveries_endpoint_id_webhook_endpoints_id_fk" FOREIGN KEY ("endpoint_id") REFERENCES "public"."webhook_endpoints"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_endpoints" ADD CONSTRAINT "webhook_endpoints_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "recording_analyses" ADD CONSTRAINT "recording_analyses_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "recording_analyses" ADD CONSTRAINT "recording_analyses_session_id_recording_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."recording_sessions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "recording_transcripts" ADD CONSTRAINT "recording_transcripts_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "recording_transcripts" ADD CONSTRAINT "recording_transcripts_session_id_recording_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."recording_sessions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "recording_sessions" ADD CONSTRAINT "recording_sessions_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "recording_sessions" ADD CONSTRAINT "recording_sessions_appointment_id_appointments_id_fk" FOREIGN KEY ("appointment_id") REFERENCES "public"."appointments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "shunya_jobs" ADD CONSTRAINT "shunya_jobs_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tracking_numbers" ADD CONSTRAINT "tracking_numbers_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "analysis_runs_company" ON "analysis_runs" USING btree ("company_id");--> statement-breakpoint
CREATE UNIQUE INDEX "appointments_call" ON "appointments" USING btree ("call_id");--> statement-breakpoint
CREATE INDEX "appointments_by_start" ON "appointments" USING btree ("company_id","scheduled_start","id");--> statement-breakpoint
CREATE INDEX "appointments_by_rep" ON "appointments" USING btree ("company_id","assigned_rep_id","scheduled_start");--> statement-breakpoint
CREATE INDEX "appointments_lead" ON "appointments" USING btree ("lead_id");--> statement-breakpoint
CREATE UNIQUE INDEX "call_analyses_generation" ON "call_analyses" USING btree ("call_id","generation");--> statement-breakpoint
CREATE UNIQUE INDEX "call_transcripts_generation" ON "call_transcripts" USING btree ("call_id","generation");--> statement-breakpoint
CREATE UNIQUE INDEX "calls_provider" ON "calls" USING btree ("company_id","provider_call_id");--> statement-breakpoint
CREATE INDEX "calls_newest" ON "calls" USING btree ("company_id","started_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "calls_contact" ON "calls" USING btree ("contact_id");--> statement-breakpoint
CREATE INDEX "calls_lead" ON "calls" USING btree ("lead_id");--> statement-breakpoint
CREATE INDEX "calls_unfinished" ON "calls" USING btree ("stage_since") WHERE ("calls"."stage" not in ('done', 'not_analyzable', 'failed') or "calls"."blocked_on" is not null);--> statement-breakpoint
CREATE INDEX "calls_attention" ON "calls" USING btree ("company_id","needs_attention","stage");--> statement-breakpoint
CREATE INDEX "calls_provider_call_id" ON "calls" USING btree ("provider_call_id");--> statement-breakpoint
CREATE INDEX "changes_company" ON "changes" USING btree ("company_id","xid","id");--> statement-breakpoint
CREATE UNIQUE INDEX "companies_callrail_company_id" ON "companies" USING btree ("callrail_company_id");--> statement-breakpoint
CREATE UNIQUE INDEX "contact_cards_phone" ON "contact_cards" USING btree ("company_id","phone_number");--> statement-breakpoint
CREATE INDEX "contact_cards_newest" ON "contact_cards" USING btree ("company_id","created_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "leads_newest" ON "leads" USING btree ("company_id","created_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "leads_contact" ON "leads" USING btree ("contact_id");--> statement-breakpoint
CREATE INDEX "audit_log_subject" ON "audit_log" USING btree ("company_id","subject_kind","subject_id","sequence");--> statement-breakpoint
CREATE INDEX "job_tombstones_task" ON "job_tombstones" USING btree ("task_id");--> statement-breakpoint
CREATE UNIQUE INDEX "worker_heartbeats_beat" ON "worker_heartbeats" USING btree ("task_queue","beat_at","worker_id");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_log" ON "webhook_deliveries" USING btree ("company_id","sequence");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_endpoint" ON "webhook_deliveries" USING btree ("endpoint_id","sequence");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_age" ON "webhook_deliveries" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_due" ON "webhook_deliveries" USING btree ("next_attempt_at") WHERE "webhook_deliveries"."status" = 'pending';--> statement-breakpoint
CREATE INDEX "webhook_endpoints_company" ON "webhook_endpoints" USING btree ("company_id","created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "recording_analyses_generation" ON "recording_analyses" USING btree ("session_id","generation");--> statement-breakpoint
CREATE UNIQUE INDEX "recording_transcripts_generation" ON "recording_transcripts" USING btree ("session_id","generation");--> statement-breakpoint
CREATE UNIQUE INDEX "recording_sessions_open" ON "recording_sessions" USING btree ("appointment_id") WHERE "recording_sessions"."status" = 'recording';--> statement-breakpoint
CREATE INDEX "recording_sessions_appointment" ON "recording_sessions" USING btree ("appointment_id","started_at");--> statement-breakpoint
CREATE INDEX "recording_sessions_unfinished" ON "recording_sessions" USING btree ("stage_since") WHERE ("recording_sessions"."stage" not in ('done', 'not_analyzable', 'failed') or "recording_sessions"."blocked_on" is not null);--> statement-breakpoint
CREATE INDEX "recording_sessions_attention" ON "recording_sessions" USING btree ("company_id","needs_attention","stage");--> statement-breakpoint
CREATE UNIQUE INDEX "shunya_jobs_step" ON "shunya_jobs" USING btree ("subject_kind","subject_id","generation","kind","attempt");--> statement-breakpoint
CREATE INDEX "shunya_jobs_task" ON "shunya_jobs" USING btree ("task_id");--> statement-breakpoint
CREATE INDEX "shunya_jobs_shunya_call" ON "shunya_jobs" USING btree ("shunya_call_id","kind");--> statement-breakpoint
CREATE INDEX "shunya_jobs_in_flight" ON "shunya_jobs" USING btree ("company_id","state","created_at");--> statement-breakpoint
CREATE INDEX "tracking_numbers_company" ON "tracking_numbers" USING btree ("company_id","created_at");--> statement-breakpoint
CREATE INDEX "users_email" ON "users" USING btree ("company_id",lower("email"));--> statement-breakpoint
CREATE UNIQUE INDEX "webhook_events_body" ON "webhook_events" USING btree ("source","route","body_sha256") WHERE "webhook_events"."status" <> 'rejected' and "webhook_events"."source" <> 'internal';--> statement-breakpoint
CREATE INDEX "webhook_events_due" ON "webhook_events" USING btree ("next_ring_at") WHERE "webhook_events"."status" in ('pending', 'dispatched');--> statement-breakpoint
CREATE INDEX "webhook_events_call" ON "webhook_events" USING btree ("company_id","provider_call_id","sequence");--> statement-breakpoint
CREATE INDEX "webhook_events_job" ON "webhook_events" USING btree ("job_id");--> statement-breakpoint
CREATE INDEX "webhook_events_provider_call" ON "webhook_events" USING btree ("provider_call_id");--> statement-breakpoint
CREATE INDEX "webhook_events_workflow" ON "webhook_events" USING btree ("workflow_id") WHERE "webhook_events"."status" in ('pending', 'dispatched');--> statement-breakpoint
CREATE INDEX "webhook_events_unrouted_number" ON "webhook_events" USING btree ("tracking_number") WHERE "webhook_events"."status" = 'unrouted';--> statement-breakpoint
CREATE INDEX "webhook_events_unrouted_company" ON "webhook_events" USING btree ("callrail_company_id") WHERE "webhook_events"."status" = 'unrouted';--> statement-breakpoint
CREATE INDEX "webhook_events_unrouted_task" ON "webhook_events" USING btree ("task_id") WHERE "webhook_events"."status" = 'unrouted';--> statement-breakpoint
CREATE INDEX "webhook_events_unrouted_shunya_call" ON "webhook_events" USING btree ("shunya_call_id") WHERE "webhook_events"."status" = 'unrouted';--> statement-breakpoint
CREATE INDEX "webhook_events_redriven" ON "webhook_events" USING btree ("workflow_id","received_at") WHERE "webhook_events"."route" in ('call.redrive', 'visit.redrive');--> statement-breakpoint
CREATE INDEX "webhook_events_list" ON "webhook_events" USING btree ("company_id","status","sequence");