ALTER TABLE `tasks` ADD `due` text;
--> statement-breakpoint
CREATE UNIQUE INDEX `tasks_title` ON `tasks` (`title`);
