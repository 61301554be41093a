CREATE TABLE `transfers` (
	`store_id` text NOT NULL,
	`id` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`version` integer NOT NULL,
	`status` text NOT NULL,
	`kind` text NOT NULL,
	`wallet_id` text NOT NULL,
	`batch_id` text,
	`body` text NOT NULL,
	PRIMARY KEY(`store_id`, `id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `transfers_by_time` ON `transfers` (`store_id`,`created_at_ms`,`id`);--> statement-breakpoint
CREATE INDEX `transfers_by_status` ON `transfers` (`store_id`,`status`,`created_at_ms`,`id`);--> statement-breakpoint
CREATE INDEX `transfers_by_kind` ON `transfers` (`store_id`,`kind`,`created_at_ms`,`id`);--> statement-breakpoint
CREATE INDEX `transfers_by_batch` ON `transfers` (`store_id`,`batch_id`,`created_at_ms`,`id`) WHERE batch_id IS NOT NULL;