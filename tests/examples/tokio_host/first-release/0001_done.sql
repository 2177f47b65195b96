ALTER TABLE `tasks` ADD `done` integer DEFAULT false NOT NULL;
