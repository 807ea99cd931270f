DROP INDEX "calls_newest";--> statement-breakpoint
DROP INDEX "calls_contact";--> statement-breakpoint
DROP INDEX "calls_lead";--> statement-breakpoint
DROP INDEX "contact_cards_newest";--> statement-breakpoint
DROP INDEX "leads_newest";--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "analysis_generation" integer;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "qualification" text;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "booking_status" text;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "call_outcome_category" text;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "facet" text;--> statement-breakpoint
CREATE INDEX "appointments_status" ON "appointments" USING btree ("company_id","status","scheduled_start","id");--> statement-breakpoint
CREATE INDEX "calls_by_start" ON "calls" USING btree ("company_id","started_at","id");--> statement-breakpoint
CREATE INDEX "calls_facet" ON "calls" USING btree ("company_id","facet","started_at","id");--> statement-breakpoint
CREATE INDEX "calls_csr_facet" ON "calls" USING btree ("company_id","csr_id","facet","started_at","id");--> statement-breakpoint
CREATE INDEX "calls_unfilled" ON "calls" USING btree ("id") WHERE "calls"."facet" is null;--> statement-breakpoint
CREATE INDEX "calls_of_contact" ON "calls" USING btree ("contact_id","started_at","id");--> statement-breakpoint
CREATE INDEX "calls_of_lead" ON "calls" USING btree ("lead_id","started_at","id");--> statement-breakpoint
CREATE INDEX "contact_cards_by_creation" ON "contact_cards" USING btree ("company_id","created_at","id");--> statement-breakpoint
CREATE INDEX "leads_by_creation" ON "leads" USING btree ("company_id","created_at","id");--> statement-breakpoint
CREATE INDEX "leads_status" ON "leads" USING btree ("company_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "leads_qualification" ON "leads" USING btree ("company_id","qualification","created_at","id");--> statement-breakpoint
CREATE INDEX "leads_rep" ON "leads" USING btree ("company_id","assigned_rep_id","created_at","id");