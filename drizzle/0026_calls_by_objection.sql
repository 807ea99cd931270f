CREATE TABLE "call_objections" (
	"call_id" text NOT NULL,
	"category" text NOT NULL,
	"company_id" text NOT NULL,
	"facet" text,
	"started_at" timestamp (3) with time zone NOT NULL,
	"csr_id" text,
	CONSTRAINT "call_objections_call_id_category_pk" PRIMARY KEY("call_id","category")
);
--> statement-breakpoint
DROP INDEX "appointments_by_start";--> statement-breakpoint
ALTER TABLE "call_objections" ADD CONSTRAINT "call_objections_call_id_calls_id_fk" FOREIGN KEY ("call_id") REFERENCES "public"."calls"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "call_objections_facet" ON "call_objections" USING btree ("company_id","category","facet","started_at","call_id","csr_id");--> statement-breakpoint
CREATE INDEX "appointments_by_start" ON "appointments" USING btree ("company_id","scheduled_start","id","status","outcome","review_reason");