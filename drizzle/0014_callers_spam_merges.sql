CREATE TABLE "contact_merges" (
	"id" text PRIMARY KEY NOT NULL,
	"company_id" text NOT NULL,
	"contact_id" text NOT NULL,
	"merged_contact_id" text NOT NULL,
	"moved" jsonb NOT NULL,
	"merged_by" text NOT NULL,
	"merged_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"undone_at" timestamp (3) with time zone
);
--> statement-breakpoint
ALTER TABLE "calls" ALTER COLUMN "lead_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "spam" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "caller_number" text;--> statement-breakpoint
ALTER TABLE "contact_cards" ADD COLUMN "named_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "contact_cards" ADD COLUMN "name_by_person" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "contact_cards" ADD COLUMN "notes" text;--> statement-breakpoint
ALTER TABLE "contact_cards" ADD COLUMN "merged_into_id" text;--> statement-breakpoint
ALTER TABLE "call_day_sums" ADD COLUMN "spam_calls" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "contact_merges" ADD CONSTRAINT "contact_merges_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "contact_merges" ADD CONSTRAINT "contact_merges_contact_id_contact_cards_id_fk" FOREIGN KEY ("contact_id") REFERENCES "public"."contact_cards"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "contact_merges" ADD CONSTRAINT "contact_merges_merged_contact_id_contact_cards_id_fk" FOREIGN KEY ("merged_contact_id") REFERENCES "public"."contact_cards"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "contact_merges_contact" ON "contact_merges" USING btree ("contact_id");--> statement-breakpoint
CREATE INDEX "contact_merges_merged" ON "contact_merges" USING btree ("merged_contact_id");--> statement-breakpoint
ALTER TABLE "contact_cards" ADD CONSTRAINT "contact_cards_merged_into_id_contact_cards_id_fk" FOREIGN KEY ("merged_into_id") REFERENCES "public"."contact_cards"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "contact_cards_merged_into" ON "contact_cards" USING btree ("merged_into_id");