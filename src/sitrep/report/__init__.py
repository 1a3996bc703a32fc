"""What people read: pages, pictures, Markdown and the model card. It renders and computes nothing."""
