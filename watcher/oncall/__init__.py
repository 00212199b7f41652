"""Who is on call: rotas and their arithmetic (rota.py), and calendars read at the edge."""
