CREATE TABLE "scorecards" (
	"company_id" text NOT NULL,
	"version" integer NOT NULL,
	"stages" jsonb NOT NULL,
	"qualification_criteria" text,
	"created_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "scorecards_company_id_version_pk" PRIMARY KEY("company_id","version")
);
--> statement-breakpoint
ALTER TABLE "call_analyses" ADD COLUMN "scorecard_version" integer;--> statement-breakpoint
ALTER TABLE "call_analyses" ADD COLUMN "weighted_score" double precision;--> statement-breakpoint
ALTER TABLE "recording_analyses" ADD COLUMN "scorecard_version" integer;--> statement-breakpoint
ALTER TABLE "recording_analyses" ADD COLUMN "weighted_score" double precision;--> statement-breakpoint
ALTER TABLE "scorecards" ADD CONSTRAINT "scorecards_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;