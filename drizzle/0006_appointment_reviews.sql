ALTER TABLE "appointments" ADD COLUMN "said_date" text;--> statement-breakpoint
ALTER TABLE "appointments" ADD COLUMN "review_reason" text;--> statement-breakpoint
ALTER TABLE "appointments" ADD COLUMN "review_since" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "appointments" ADD COLUMN "review_of_id" text;--> statement-breakpoint
ALTER TABLE "appointments" ADD COLUMN "review_dismissed" text;--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ADD COLUMN "previous" jsonb;--> statement-breakpoint
CREATE INDEX "appointments_review" ON "appointments" USING btree ("company_id","scheduled_start","id") WHERE "appointments"."review_reason" is not null;--> statement-breakpoint
CREATE INDEX "appointments_contact" ON "appointments" USING btree ("contact_id");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_subject" ON "webhook_deliveries" USING btree ("company_id","subject_id");