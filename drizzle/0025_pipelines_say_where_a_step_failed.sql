ALTER TABLE "calls" ADD COLUMN "hint" text;--> statement-breakpoint
ALTER TABLE "recording_sessions" ADD COLUMN "hint" text;