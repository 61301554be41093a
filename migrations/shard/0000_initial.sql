CREATE TABLE `invoices` (
	`store_id` text NOT NULL,
	`created_at_ms` integer NOT NULL,
	`id` text NOT NULL,
	`version` integer NOT NULL,
	`status` text NOT NULL,
	`currency` text NOT NULL,
	`price` text NOT NULL,
	`order_id` text,
	`description` text,
	`expires_at_ms` integer NOT NULL,
	`updated_at_ms` integer NOT NULL,
	`settled_at_ms` integer,
	`is_short` integer NOT NULL,
	`is_over` integer NOT NULL,
	`is_late` integer NOT NULL,
	`is_held` integer NOT NULL,
	`body` text NOT NULL,
	PRIMARY KEY(`store_id`, `created_at_ms`, `id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `invoices_by_status` ON `invoices` (`store_id`,`status`,`created_at_ms`,`id`);--> statement-breakpoint
CREATE INDEX `invoices_by_order` ON `invoices` (`store_id`,`order_id`,`created_at_ms`,`id`) WHERE order_id IS NOT NULL;