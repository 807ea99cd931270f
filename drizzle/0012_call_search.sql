CREATE TABLE "call_search" (
	"call_id" text NOT NULL,
	"part" text NOT NULL,
	"company_id" text NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"words" "tsvector" NOT NULL,
	CONSTRAINT "call_search_call_id_part_pk" PRIMARY KEY("call_id","part")
);
--> statement-breakpoint
CREATE TABLE "unfinished_fills" (
	"name" text PRIMARY KEY NOT NULL,
	"position" text DEFAULT '' NOT NULL
);
--> statement-breakpoint
ALTER TABLE "call_search" ADD CONSTRAINT "call_search_call_id_calls_id_fk" FOREIGN KEY ("call_id") REFERENCES "public"."calls"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "call_search_words" ON "call_search" USING gin ("words") WITH (fastupdate=false);