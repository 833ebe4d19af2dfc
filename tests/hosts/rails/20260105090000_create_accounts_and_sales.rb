class CreateAccountsAndSales < ActiveRecord::Migration[6.1]
  def change
    create_table :users, id: :uuid do |t|
      t.string :email, null: false, index: { unique: true }
      t.string :name
      t.string :time_zone, null: false, default: "UTC"
      t.datetime :deleted_at, precision: 6
      t.timestamps
    end

    create_table :channels, id: :uuid do |t|
      t.string :name, null: false
      t.timestamps
    end

    create_table :sales, id: :uuid do |t|
      t.references :user, type: :uuid, null: false, foreign_key: true, index: false
      t.references :channel, type: :uuid, foreign_key: true
      t.string :state, null: false, default: "pending"
      t.integer :amount_cents, null: false, default: 0
      t.decimal :tax_rate, precision: 6, scale: 3
      t.boolean :gift
      t.jsonb :properties, null: false, default: {}
      t.inet :ip
      t.datetime :deleted_at, precision: 6
      t.timestamps
      t.index [:user_id, :created_at]
      t.index :created_at
    end
  end
end
