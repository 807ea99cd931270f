CREATE TABLE "appointment_day_sums" (
	"company_id" text NOT NULL,
	"day" date NOT NULL,
	"person" text,
	"total_appointments" integer NOT NULL,
	"completed_appointments" integer NOT NULL,
	"won_appointments" integer NOT NULL,
	"lost_appointments" integer NOT NULL,
	"pending_appointments" integer NOT NULL,
	"analyzed_appointments" integer NOT NULL,
	"objections" integer NOT NULL,
	"compliance_sum" double precision NOT NULL,
	"compliance_count" integer NOT NULL,
	"sentiment_sum" double precision NOT NULL,
	"sentiment_count" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "call_day_sums" (
	"company_id" text NOT NULL,
	"day" date NOT NULL,
	"person" text,
	"total_calls" integer NOT NULL,
	"answered_calls" integer NOT NULL,
	"missed_calls" integer NOT NULL,
	"analyzed_calls" integer NOT NULL,
	"pending_analysis_calls" integer NOT NULL,
	"qualified_calls" integer NOT NULL,
	"booked_calls" integer NOT NULL,
	"service_not_offered_calls" integer NOT NULL,
	"qualified_but_unbooked_calls" integer NOT NULL,
	"objections_of_qualified" integer NOT NULL,
	"compliance_sum" double precision NOT NULL,
	"compliance_count" integer NOT NULL,
	"sentiment_sum" double precision NOT NULL,
	"sentiment_count" integer NOT NULL,
	"duration_sum" double precision NOT NULL,
	"duration_count" integer NOT NULL,
	"unbooked_reasons" jsonb
);
--> statement-breakpoint
CREATE TABLE "metric_changes" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"company_id" text NOT NULL,
	"kind" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "metric_coverage" (
	"company_id" text PRIMARY KEY NOT NULL,
	"time_zone" text NOT NULL,
	"version" integer NOT NULL,
	"since" date NOT NULL
);
--> statement-breakpoint
ALTER TABLE "metric_coverage" ADD CONSTRAINT "metric_coverage_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "appointment_day_sums_day" ON "appointment_day_sums" USING btree ("company_id","day");--> statement-breakpoint
CREATE INDEX "call_day_sums_day" ON "call_day_sums" USING btree ("company_id","day");--> statement-breakpoint
CREATE INDEX "metric_changes_day" ON "metric_changes" USING btree ("company_id","kind","at");--> statement-breakpoint
CREATE INDEX "appointments_by_day" ON "appointments" USING btree ("company_id",coalesce("scheduled_start", "created_at"));