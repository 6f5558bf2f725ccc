"""The workspace's mails in the browser of whoever writes them: as any lead, live on save, with a pane to edit them."""
